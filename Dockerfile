# Screening, evaluation and probes on a CPU, without torch. From a clone:
#   docker build -t eyeground .
#   docker run --rm --network none -v "$PWD/photos:/photos:ro" -v "$PWD/out:/out" eyeground screen /photos -o /out/screened
# The container's user has the number 1000; where yours differs, add --user "$(id -u):$(id -g)".
# For a clinic (page, API, PACS node): --build-arg EXTRAS=serve,structure, as deploy/compose.yaml does.
FROM python:3.13-slim-bookworm AS build
ARG EXTRAS=dicom,structure
COPY requirements/dev.txt pyproject.toml README.md LICENSE /build/
COPY src /build/src
# The pins are those of the tests; the packages' own tests, a tenth of the image, nobody runs there.
RUN python -m venv /opt/eyeground \
    && /opt/eyeground/bin/pip install --no-cache-dir --constraint /build/dev.txt "/build[$EXTRAS]" \
    && /opt/eyeground/bin/pip uninstall --yes pip \
    && find /opt/eyeground/lib -type d -name tests -prune -exec rm -r {} +

FROM python:3.13-slim-bookworm
COPY --from=build /opt/eyeground /opt/eyeground
# A volume that is mounted on /data belongs to the reader, too.
RUN useradd --create-home --uid 1000 reader && install --directory --owner reader /data
USER 1000
# Prepared photos are kept here and vanish with the container. Anyone may write, so that --user may be any number.
ENV EYEGROUND_CACHE=/tmp/eyeground MPLCONFIGDIR=/tmp/matplotlib
ENTRYPOINT ["/opt/eyeground/bin/eyeground"]
