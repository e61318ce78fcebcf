"""The C extensions; without a compiler their pure Python twins take their places."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            name,
            [f"{name.replace('.', '/')}.c"],
            # Nothing is fused into one rounding: statistics come out as their twins in Python.
            extra_compile_args=["-O3", "-fno-strict-aliasing", "-ffp-contract=off"],
            optional=True,
        )
        for name in (
            "harness.wire._bsatn",
            "harness.protocol._outbox",
            "harness.client._answer",
            "harness.client._frames",
            "harness.stats._search",
        )
    ]
)
