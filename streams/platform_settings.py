"""The settings of what a process is part of: brokers, stores and secrets."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

DEVELOPMENT_SECRET = "weir-development-master-secret-not-for-production"  # noqa: S105


class PlatformSettings(BaseModel):
    """The part of `streams.settings.Settings` that comes first."""

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
