"""How the report looks: colours that people who see few of them tell apart (Okabe and Ito's, cividis)."""

STYLE = """
:root { --ink: #1d2733; --soft: #5b6878; --rule: #e3e7ec; --paper: #ffffff; --back: #f5f7f9; --reference: #c3cad3;
  --current: #0072b2; --info: #56b4e9; --warning: #e69f00; --critical: #d55e00; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 25px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 34px 0 10px; }
h3 { font-size: 16px; margin: 0; }
code { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.soft, .empty, figcaption { color: var(--soft); } .empty { padding: 30px 8px; }
.verdict { font-size: 17px; margin: 14px 0 0; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 14px 0 0; padding: 0; list-style: none;
  color: var(--soft); }
.facts b { color: var(--ink); font-weight: 600; }
.card { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 18px;
  margin: 0 0 14px; }
.card > header { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 22px; } figure { margin: 8px 0 0; min-width: 0; }
figcaption { font-size: 13px; margin-bottom: 2px; }
@media (max-width: 860px) { .pair { grid-template-columns: 1fr; } }
.picture { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } .name { text-align: left; }
td.name { white-space: normal; overflow-wrap: anywhere; }
tr.drifted td { background: #fdf3ea; }
.pill { border-radius: 9px; padding: 1px 9px; font-size: 13px; white-space: nowrap; border: 1px solid transparent; }
.pill.info { background: #e3f2fb; border-color: var(--info); }
.pill.warning { background: #fdf1d6; border-color: var(--warning); }
.pill.critical { background: #d55e00; color: #fff; } .pill.calm { border-color: var(--rule); color: var(--soft); }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 6px 0;
  align-items: center; }
.key span { white-space: nowrap; }
.swatch { display: inline-block; width: 22px; height: 12px; margin-right: 6px; vertical-align: -1px; }
.key svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 4px; }
text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
text.label { font-size: 12px; fill: var(--ink); }
text.strong { font-weight: 700; }
.grid { stroke: var(--rule); } .axis { stroke: #9aa5b1; }
.reference { fill: var(--reference); background: var(--reference); }
.current { fill: var(--current); background: var(--current); fill-opacity: .88; }
.psi { fill: none; stroke: var(--current); stroke-width: 1.8; stroke-linejoin: round; } .dot { fill: var(--current); }
.moderate, .large { stroke: #7d8895; stroke-dasharray: 2 4; } .large { stroke-dasharray: 6 4; }
.episode { fill: var(--warning); fill-opacity: .16; } .episode.info { fill: var(--info); }
.episode.critical { fill: var(--critical); }
.step { stroke: #7d8895; stroke-width: 1; } .step.worsened { stroke-dasharray: 2 3; } .mark { fill: var(--ink); }
.mark.resolved { fill: #fff; stroke: var(--ink); stroke-width: 1.4; }
.level0 { fill: #eef1f4; background: #eef1f4; } .level1 { fill: #d9d2a5; background: #d9d2a5; }
.level2 { fill: #b5a264; background: #b5a264; } .level3 { fill: #66707c; background: #66707c; }
.level4 { fill: #00224e; background: #00224e; } .none { fill: none; stroke: var(--rule); stroke-dasharray: 2 2; }
.drifted { fill: #ff8c33; stroke: #fff; stroke-width: .8; }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""
