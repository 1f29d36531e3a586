# Moothall in a container: `docker build -t moothall .`
# The same image serves and works; what it does is said by the command (see docker-compose.yml).

FROM node:22-bookworm-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS binary
RUN apt-get update && apt-get install -y --no-install-recommends \
      build-essential pkg-config cmake clang libclang-dev \
      libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev \
    && rm -rf /var/lib/apt/lists/*
# whisper.cpp would otherwise be compiled for the very processor that builds the image. These instructions are
# in every x86-64 server since 2013 (Intel) and 2015 (AMD); other processors are built with their defaults.
ARG TARGETARCH
ENV GGML_NATIVE=OFF
WORKDIR /build
COPY . .
COPY --from=pages /build/web/dist web/dist
RUN if [ "${TARGETARCH:-amd64}" = amd64 ]; then \
      export GGML_SSE42=ON GGML_AVX=ON GGML_AVX2=ON GGML_FMA=ON GGML_F16C=ON GGML_BMI2=ON; \
    fi \
    && cargo build --release --locked --package moothall-cli \
    && strip target/release/moothall

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates libgomp1 \
      gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
      gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-nice gstreamer1.0-x \
      poppler-utils flite \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /data --create-home moothall
COPY --from=binary /build/target/release/moothall /usr/local/bin/moothall
USER moothall
ENV MOOTHALL_DATA=/data
VOLUME /data
# Pages; SRT from encoders.
EXPOSE 8080/tcp 9710/udp
ENTRYPOINT ["moothall"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
