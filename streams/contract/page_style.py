"""How the reference page looks: light or dark as the reader has it, and one column on a phone."""

STYLE = """\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--pane:#f6f8fa;--line:#d0d7de;--link:#0550ae;
--get:#0a5a2f;--post:#0550ae;--put:#7a4100;--delete:#a40e26}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--paper:#0d1117;--pane:#161b22;--line:#30363d;
--link:#79b8ff;--get:#7ee787;--post:#79b8ff;--put:#ffb77c;--delete:#ff9a94}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);display:grid;
grid-template-columns:minmax(15rem,20rem) minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;background:var(--pane);
border-right:1px solid var(--line);font-size:.875rem}
nav h2{font-size:.875rem;margin:1rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.2rem 0;color:inherit;text-decoration:none;overflow-wrap:anywhere}
nav li a:hover{text-decoration:underline}
main{padding:1rem 2rem;max-width:70rem;min-width:0}
small{color:var(--soft);font-weight:normal}
a{color:var(--link)}
a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem;z-index:1}
article{border-top:1px solid var(--line);padding:.5rem 0 1rem}
h3{overflow-wrap:anywhere}
code{font:.875em ui-monospace,monospace;overflow-wrap:anywhere}
pre{background:var(--pane);border:1px solid var(--line);border-radius:6px;padding:.75rem;overflow:auto}
.wide{overflow:auto}
table{border-collapse:collapse;width:100%}
th,td{border:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
th{background:var(--pane)}
td:first-child code{white-space:nowrap}
b{font:700 .8em ui-monospace,monospace}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.delete{color:var(--delete)}
@media (max-width:50rem){body{display:block}nav{position:static;height:auto;border-right:0;
border-bottom:1px solid var(--line)}main{padding:1rem}th,td{padding:.25rem .4rem;font-size:.875rem}}
"""
