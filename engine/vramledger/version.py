"""The engine's version, and the version of what its cache holds."""

ENGINE = "0.1.0"
FORMAT = 16
