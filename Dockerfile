# Serves trained models: `docker build --tag genre-zoo .`, see docs/deploying.md.
FROM python:3.12-slim AS build

WORKDIR /source
RUN python -m venv /opt/genre-zoo
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY models models
COPY registry registry
COPY plugins plugins
COPY zoo zoo
RUN /opt/genre-zoo/bin/pip install --no-cache-dir --disable-pip-version-check \
    --constraint constraints.txt .

FROM python:3.12-slim

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin zoo \
    && mkdir /models && chown zoo /models
COPY --from=build /opt/genre-zoo /opt/genre-zoo
ENV PATH=/opt/genre-zoo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ZOO_CACHE=/tmp/zoo-cache \
    ZOO_MODELS=/models
USER zoo
WORKDIR /home/zoo
VOLUME /models
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health', timeout=9)"]
ENTRYPOINT ["zoo", "serve", "--host", "0.0.0.0"]
