# Two images: `docker build .` makes the service, `docker build --target emulator .` the local Pub/Sub of compose.yml.
#
# The base images are named by tag. For a build that others cannot change, name them by digest: look one up with
# `docker buildx imagetools inspect rust:1.95.0-slim-bookworm`, and pass
# `--build-arg BUILD_IMAGE=rust:1.95.0-slim-bookworm@sha256:…`; the same for BASE_IMAGE.
#
# Cargo.lock fixes every crate, the tag the compiler, and the folders here are always the same, so the same sources give the
# same binary. BuildKit dates the image itself by `--build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`.

# The compiler of rust-toolchain.toml, on the Debian of the base image: a binary needs the glibc that it was linked with.
ARG BUILD_IMAGE=rust:1.95.0-slim-bookworm
# glibc, libgcc and certificate authorities; no shell, no package manager. Its variant `debug-nonroot` has a busybox.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# The compiler with make, for jemalloc, whose result does not depend on the version of make.
FROM ${BUILD_IMAGE} AS compiler
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*

# The workspace without a line of its code, so that the layers with the dependencies are kept until Cargo.lock or a manifest changes.
FROM compiler AS manifests
WORKDIR /build
COPY .cargo/config.toml .cargo/
COPY Cargo.toml Cargo.lock ./
COPY benches/Cargo.toml benches/
COPY emulator/Cargo.toml emulator/
COPY m2m/Cargo.toml m2m/
COPY subscribers/Cargo.toml subscribers/
COPY tests/Cargo.toml tests/
COPY tests/architecture/Cargo.toml tests/architecture/
RUN mkdir -p src emulator/src m2m/src \
    && for file in src/lib.rs emulator/src/lib.rs m2m/src/lib.rs; do echo '//! Empty.' >"$file"; done \
    && for file in emulator/build.rs emulator/src/main.rs subscribers/main.rs; do printf '//! Empty.\nfn main() {}\n' >"$file"; done

# The results of the empty crates are removed, since Cargo would take them for newer than the sources.
FROM manifests AS service-dependencies
ARG FEATURES=firestore,redis
RUN cargo build --release --locked -p subscribers --no-default-features --features "jemalloc,$FEATURES" \
    && cargo clean --release -p pushgate -p m2m -p subscribers

FROM service-dependencies AS service-build
ARG FEATURES=firestore,redis
COPY src src
COPY m2m/avro m2m/avro
COPY m2m/src m2m/src
COPY subscribers subscribers
RUN cargo build --release --locked -p subscribers --no-default-features --features "jemalloc,$FEATURES" \
    && strip target/release/pushgate

FROM manifests AS emulator-dependencies
RUN cargo build --release --locked -p pushgate-emulator && cargo clean --release -p pushgate-emulator

FROM emulator-dependencies AS emulator-build
COPY emulator/build.rs emulator/
COPY emulator/src emulator/src
RUN cargo build --release --locked -p pushgate-emulator && strip target/release/emulator

FROM ${BASE_IMAGE} AS emulator
COPY --from=emulator-build /build/target/release/emulator /emulator
# A shell and a `gcloud`, with which tools start Google's emulator.
COPY --from=compiler /usr/bin/dash /bin/sh
COPY --chmod=0755 emulator/image/gcloud /usr/bin/gcloud
COPY --chmod=0755 emulator/image/entrypoint /entrypoint
# A number, since a check that an image does not run as root cannot look up a name.
USER 65532:65532
EXPOSE 8085
STOPSIGNAL SIGTERM
# In a container, loopback is not reachable from outside, so without arguments the emulator listens at 0.0.0.0. Publish the port
# on the host's loopback address only: the emulator has no passwords.
ENTRYPOINT ["/entrypoint"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pushgate emulator" \
    org.opencontainers.image.description="A local Pub/Sub for laptops and tests that pushes as Google does" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"

FROM ${BASE_IMAGE} AS service
COPY --from=service-build /build/target/release/pushgate /pushgate
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/pushgate"]
CMD ["serve"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pushgate" \
    org.opencontainers.image.description="Receives Google Cloud Pub/Sub pushes and runs each message's handler once" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
