"""The one C extension; without a compiler the pure Python twin takes its place."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "harness.wire._bsatn",
            ["harness/wire/_bsatn.c"],
            extra_compile_args=["-O3", "-fno-strict-aliasing"],
            optional=True,
        )
    ]
)
