"""Every setting with its default and meaning: the one place that reads the environment, from a mapping it is given."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from schemas.errors import BadSettings
from schemas.routes import NewName

DEVELOPMENT_SECRET = "weir-development-master-secret-not-for-production"  # noqa: S105


class Settings(BaseModel):
    """What a process of any role is configured by; each field's environment name is its own in upper case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kafka_bootstrap_servers: Annotated[str, Field(description="Brokers, host:port, comma-separated.")] = (
        "127.0.0.1:9092"
    )
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_SSL"], Field(description="How to talk to the brokers.")
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Field(description="With SASL_SSL.")
    ] = "SCRAM-SHA-512"
    kafka_sasl_username: Annotated[str, Field(description="With SASL_SSL.")] = ""
    kafka_sasl_password: Annotated[SecretStr, Field(description="With SASL_SSL.")] = SecretStr("")
    kafka_ssl_cafile: Annotated[str, Field(description="File of the certificate authorities to trust.")] = ""
    kafka_ssl_certfile: Annotated[str, Field(description="Client certificate, where brokers ask for one.")] = ""
    kafka_ssl_keyfile: Annotated[str, Field(description="Key of the client certificate.")] = ""
    kafka_cluster_id: Annotated[
        str,
        Field(description="Identity of the logs on a broker that gives its topics none (the wheel broker)."),
    ] = ""
    topic_prefix: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9._-]{0,40}$",
            description="Put before every topic and group name, and the buckets' names in Redis.",
        ),
    ] = ""
    topic_replication: Annotated[int, Field(ge=1, description="Replicas of each topic; 3 in production.")] = 1

    redis_url: Annotated[str, Field(description="Token buckets and attempt counters.")] = "redis://127.0.0.1:6379/0"
    database_url: Annotated[SecretStr, Field(description="Postgres, postgresql://user:password@host:port/name.")] = (
        SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    )
    secrets_backend: Annotated[Literal["env"], Field(description="Where secrets come from; others are refused.")] = (
        "env"
    )
    weir_master_secret: Annotated[
        SecretStr, Field(min_length=32, description="Seals the signing keys; 32 characters or more.")
    ] = SecretStr(DEVELOPMENT_SECRET)
    weir_master_secret_previous: Annotated[
        SecretStr,
        Field(min_length=32, description="The secret before: what it sealed still opens, see `weir keys reseal`."),
    ] = SecretStr("")
    auth_allow_plaintext_keys: Annotated[
        bool, Field(description="Whether a record may bring its key in the header x-api-key, unsigned.")
    ] = False
    auth_failures_per_minute: Annotated[
        int, Field(ge=1, description="Requests without a valid key from one address that are each answered 401.")
    ] = 20
    weir_env: Annotated[
        Literal["development", "production"], Field(description="production refuses development defaults.")
    ] = "development"

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
    def bucket_prefix(self) -> str:
        """Of the token buckets' names in Redis, which platforms may share: two with keys of one owner are two."""
        return f"{self.topic_prefix}weir"


def _name(item: Mapping[str, Any]) -> str:
    return ".".join(str(part).upper() for part in item["loc"]) or "settings"
