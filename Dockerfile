# Tidegate as an image of one static binary and nothing else.
#
#     docker build -t tidegate:0.1.0 .
#
# The binary is linked against musl: no libc, no shell, no package of a distribution is in the image, so nothing in it
# needs updates but Tidegate and the list of CAs.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-alpine AS build
# librdkafka (of the lab commands) is built from source: a C toolchain, bash for its configure, and OpenSSL to link
# statically. Node.js builds the console's page.
RUN apk add --no-cache build-base bash linux-headers openssl-dev openssl-libs-static pkgconf zlib-dev zlib-static \
    nodejs npm ca-certificates
WORKDIR /source
COPY . .
ENV OPENSSL_STATIC=1
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin tidegate && \
    cp target/release/tidegate /tidegate && \
    # A binary that still needs a loader would not start in an empty image.
    ! (readelf -l /tidegate | grep -q INTERP)

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /tidegate /tidegate
USER 65532:65532
ENTRYPOINT ["/tidegate"]
CMD ["operator", "--leader-elect", "--enable-cert-rotation"]
