# The image is one binary, the libraries that it is linked to, and what resolves names and trusts servers.
# No shell, no package manager, no account but a number: docker build -t walbridge .

# Has g++ and make, which compile librdkafka.
ARG BUILD_IMAGE=rust:1.95-bookworm
FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# rust-toolchain.toml stays outside: it would have rustup download rustfmt and clippy.
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY xtask xtask
# What GET / shows as commit: 16 hexadecimal digits.
ARG WALBRIDGE_COMMIT=0000000000000000
RUN WALBRIDGE_COMMIT="$WALBRIDGE_COMMIT" cargo build --release --locked --package walbridge \
    && strip --strip-all -o /walbridge target/release/walbridge
# A root folder with each library where the dynamic linker looks for it.
RUN mkdir -p /root-of-image/etc/ssl/certs /root-of-image/usr/local/bin \
    && cp /walbridge /root-of-image/usr/local/bin/ \
    && ldd /walbridge | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /root-of-image/ \
    && cp /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ \
    && echo 'hosts: files dns' > /root-of-image/etc/nsswitch.conf \
    && echo 'walbridge:x:65532:65532::/:/usr/local/bin/walbridge' > /root-of-image/etc/passwd

FROM scratch
COPY --from=build /root-of-image/ /
# walbridge writes no file.
USER 65532:65532
EXPOSE 8083 9876
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=12 CMD ["/usr/local/bin/walbridge", "health"]
# Without a file the worker reads the CONNECT_* environment. SIGTERM, docker stop's own, is the orderly stop.
ENTRYPOINT ["/usr/local/bin/walbridge"]
CMD ["worker"]
