FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package walbridge

FROM debian:bookworm-slim
RUN useradd --system --uid 1001 walbridge
COPY --from=build /src/target/release/walbridge /usr/local/bin/walbridge
USER 1001
EXPOSE 8083
# Without a file the worker reads the CONNECT_* environment.
ENTRYPOINT ["/usr/local/bin/walbridge", "worker"]
