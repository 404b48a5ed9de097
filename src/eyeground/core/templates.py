"""Jinja templates of the package: HTML is escaped, and a missing variable is an error."""

import jinja2


def open_template(package: str, name: str, folder: str = "templates") -> jinja2.Template:
    """Open a template in a folder of a package; an empty `folder` is the package's own."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        autoescape=name.endswith(".html.jinja"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
