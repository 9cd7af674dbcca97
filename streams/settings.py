"""Every setting with its default and meaning: the one place that reads the environment, from a mapping it is given."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from schemas.errors import BadSettings
from schemas.routes import WORD, NewName
from streams.platform_settings import DEVELOPMENT_SECRET, PlatformSettings


class Settings(PlatformSettings):
    """What a process of any role is configured by; each field's environment name is its own in upper case."""

    rate_limit_enabled: Annotated[bool, Field(description="Whether buckets are charged at all.")] = True
    rate_limit_dry_run: Annotated[
        bool, Field(description="Buckets are charged, who is out of tokens is counted, and nobody is refused.")
    ] = False
    rate_limit_per_hour: Annotated[int, Field(ge=1, description="Limit of a key that names none.")] = 1000
    rate_limit_burst: Annotated[int, Field(ge=1, description="Bucket size of a key with the default limit.")] = 100
    explain_cost: Annotated[int, Field(ge=1, description="Tokens for a row whose answer is explained.")] = 10
    idempotency_window_s: Annotated[
        int,
        Field(ge=1, description="How long a repeated request is recognised and not charged again, in seconds."),
    ] = 600

    model_store: Annotated[
        str, Field(description="Where bundles lie: file:///path, file://path or s3://bucket/prefix.")
    ] = "file://.weir/models"
    model_name: Annotated[NewName, Field(description="The model that scorers serve, and adopt without a route.")] = (
        "churn"
    )

    outliers_in_answers: Annotated[
        bool, Field(description="Whether an answer says if its row is an outlier, by the detector beside its model.")
    ] = False

    shadow_budget_s: Annotated[
        float,
        Field(gt=0, le=10, description="A challenger's time for one trial of up to 500 rows, in seconds."),
    ] = 2
    shadow_max_age_s: Annotated[
        float, Field(gt=0, description="Mirrored requests that have waited longer are not tried, in seconds.")
    ] = 300

    drift_window_records: Annotated[
        int, Field(ge=50, le=10_000_000, description="Rows of a model version that are tested for drift together.")
    ] = 1000
    drift_window_s: Annotated[
        float, Field(ge=0, description="How long a window is at least, in seconds, though it be full before.")
    ] = 60
    drift_alpha: Annotated[
        float, Field(gt=0, lt=1, description="Risk that a window without drift has any alarm, all features together.")
    ] = 0.05

    alert_severity: Annotated[
        Literal["info", "warning", "critical"], Field(description="Least severity of a drift that is an alert.")
    ] = "warning"
    drift_webhook_url: Annotated[
        SecretStr, Field(description="Where alerts are posted, as Slack's incoming webhooks take them; http or https.")
    ] = SecretStr("")
    drift_webhook_timeout_s: Annotated[
        float, Field(gt=0, le=20, description="How long the webhook may take to answer, in seconds.")
    ] = 5

    retrain_look_s: Annotated[
        float, Field(ge=0.1, le=86_400, description="How often a trainer looks for a cause to retrain, in seconds.")
    ] = 60
    retrain_drift_weight: Annotated[
        float,
        Field(ge=0, description="Open drifts of a champion that are a cause: importance times share of rows; 0: none."),
    ] = 0.1
    retrain_loss: Annotated[
        float, Field(ge=0, description="The part by which a champion's loss has grown that is a cause; 0: none.")
    ] = 0
    retrain_labels: Annotated[int, Field(ge=0, description="New labels that are a cause; 0: none.")] = 0
    retrain_age_days: Annotated[
        float, Field(ge=0, le=36_500, description="Age of a champion that is a cause, in days; 0: none.")
    ] = 0
    retrain_every_h: Annotated[
        float, Field(ge=0, le=876_000, description="Hours after which a model is retrained in any case; 0: never.")
    ] = 0
    retrain_cool_down_s: Annotated[
        float,
        Field(ge=0, le=31_536_000, description="From a model's last job to a trainer's, however it ended, in s."),
    ] = 6 * 3600
    retrain_longest_s: Annotated[
        float, Field(ge=1, le=604_800, description="After so many seconds a trainer ends a job that hangs.")
    ] = 3600
    retrain_least_f1: Annotated[float, Field(ge=0, le=1, description="F1 that a trainer's candidate needs.")] = 0.85
    retrain_min_samples: Annotated[int, Field(ge=1, description="Labelled rows that a trainer's job needs.")] = 1000
    retrain_days_back: Annotated[
        int, Field(ge=1, le=36_500, description="Age of the rows of a trainer's job at most, in days.")
    ] = 90

    retrain_online: Annotated[
        str,
        Field(
            pattern=rf"^({WORD.pattern}( *, *{WORD.pattern})*)?$",
            description="Models that a trainer also learns row by row, by comma.",
        ),
    ] = ""
    retrain_online_every: Annotated[
        int, Field(ge=1, description="Rows that an online learner learns before it is tried as a candidate again.")
    ] = 5000

    weir_host: Annotated[Literal["faust", "bare"], Field(description="What drives the stages.")] = "faust"
    batch_records: Annotated[int, Field(ge=1, le=10_000, description="Most records a stage is given at once.")] = 1000
    batches_in_flight: Annotated[
        int, Field(ge=1, le=64, description="Most batches awaiting delivery; more where they are not full.")
    ] = 8
    batch_timeout_s: Annotated[float, Field(gt=0, lt=45, description="A stage's time for one batch, in seconds.")] = 30
    max_attempts: Annotated[
        int, Field(ge=1, description="Times a record may crash a worker before it is dead-lettered.")
    ] = 3
    session_timeout_s: Annotated[
        float,
        Field(ge=6, le=40, description="Silence after which the broker gives a worker's partitions away."),
    ] = 15
    data_dir: Annotated[str, Field(description="Directory for what a process keeps on disk.")] = ".weir"
    stall_after_s: Annotated[float, Field(gt=0, description="Seconds without progress before a worker gives up.")] = 60
    prometheus_multiproc_dir: Annotated[
        str, Field(description="Directory that the roles of one machine share metrics in.")
    ] = ""

    host: Annotated[str, Field(description="Address that the gateway listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port that the gateway listens on.")] = 8080
    request_timeout_s: Annotated[float, Field(gt=0, description="How long an HTTP caller waits at most.")] = 10
    max_pending: Annotated[int, Field(ge=1, description="Most HTTP requests waiting for a reply at once.")] = 5000
    metrics_public: Annotated[bool, Field(description="Whether /metrics answers without a key.")] = False
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="Least level logged.")] = (
        "INFO"
    )

    @field_validator("drift_webhook_url")
    @classmethod
    def _is_a_webhook(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if url.get_secret_value() and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an http:// or https:// URL")
        return url

    @model_validator(mode="after")
    def _production_has_no_development_defaults(self) -> Self:
        if self.weir_env != "production":
            return self
        wrong = []
        if self.weir_master_secret.get_secret_value() == DEVELOPMENT_SECRET:
            wrong.append("WEIR_MASTER_SECRET is the development default")
        if self.metrics_public:
            wrong.append("METRICS_PUBLIC is on")
        if wrong:
            raise ValueError(f"WEIR_ENV=production refuses development settings: {'; '.join(wrong)}")
        return self

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings in an environment; empty values count as unset. Raises BadSettings naming every bad one."""
        given = {name: environ[name.upper()] for name in cls.model_fields if environ.get(name.upper())}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            lines = [f"  {_name(item)}: {item['msg']}" for item in error.errors(include_url=False, include_input=False)]
            raise BadSettings("these settings are wrong, see .env.example:\n" + "\n".join(lines)) from None

    def topic(self, name: str) -> str:
        """A topic's or group's full name."""
        return f"{self.topic_prefix}{name}"

    @property
    def online_models(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.retrain_online.split(",") if name)

    @property
    def bucket_prefix(self) -> str:
        """Of the token buckets' names in Redis, which platforms may share: two with keys of one owner are two."""
        return f"{self.topic_prefix}weir"


def _name(item: Mapping[str, Any]) -> str:
    return ".".join(str(part).upper() for part in item["loc"]) or "settings"
