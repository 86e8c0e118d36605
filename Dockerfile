# A full node in a container: `docker build -t shimlet .`
# How to run it, and what to keep: cpython_host/README.md, "Operations".

FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml MANIFEST.in README.md CHANGELOG.md LICENSE ./
COPY common common
COPY cpython_host cpython_host
RUN python -m venv /opt/shimlet && /opt/shimlet/bin/pip install --no-cache-dir '.[dashboard]'

FROM python:3.12-slim
COPY --from=build /opt/shimlet /opt/shimlet
# Of nobody else on the host: a number, since a container needs no name for it.
RUN mkdir /data && chown 10001:10001 /data
# Identity, config.json, peers, messages and the web API's token live in /data. The web API is open beyond the
# container's loopback, so every change needs that token.
ENV PATH=/opt/shimlet/bin:$PATH \
    HOME=/data \
    SHIMLET_NODE_DATADIRECTORY=/data \
    SHIMLET_WEBAPI_BINDADDRESS=0.0.0.0:8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 14666/tcp 14626/udp 8080/tcp
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen(open('/data/webapi.url').read().strip() + '/readyz', timeout=8)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["shimlet"]
CMD ["run"]
