# Tidegate as an image of one static binary and nothing else.
#
#     docker build -t tidegate:0.1.0 .
#
# The binary brings its libc along: no shell, no loader, no package of a distribution is in the image, so nothing in it
# needs updates but Tidegate and the list of CAs.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
# Node.js builds the console's page. OpenSSL and zlib, which librdkafka (of the lab commands) is linked with, are in the
# image as static libraries.
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm libssl-dev zlib1g-dev pkg-config
WORKDIR /source
COPY . .
# Fails where the binary still needs a loader, since it would not start in an empty image.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo xtask dist && cp target/*/dist/tidegate /tidegate

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /tidegate /tidegate
USER 65532:65532
ENTRYPOINT ["/tidegate"]
CMD ["operator", "--leader-elect", "--enable-cert-rotation"]
