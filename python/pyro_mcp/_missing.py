"""Why the extension cannot be loaded: which Debian package has the library that is not there."""

from __future__ import annotations

PACKAGES = {"libjansson": "libjansson4", "libsqlite3": "libsqlite3-0", "libnettle": "libnettle8"}


def explain(error: ImportError) -> ImportError:
    """The same error, with what to install if that is known."""
    for library, package in PACKAGES.items():
        if library in str(error):
            return ImportError(
                f"pyro_mcp needs a library of the system: {error}\n  hint: apt-get install {package}", name="pyro_mcp"
            )
    return ImportError(f"pyro_mcp cannot load its extension: {error}", name="pyro_mcp")
