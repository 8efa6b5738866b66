FROM docker.io/library/golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOMODCACHE=/cache/modules GOCACHE=/cache/build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache \
    go mod download
COPY . .
# Without symbol tables, which only a debugger reads; a panic names its lines all the same.
RUN --mount=type=cache,target=/cache \
    go build -trimpath -ldflags='-s -w' -o /out/millrace . && mkdir -p /out/data/printed

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/millrace /millrace
# The working directory: a handlers.yaml that is mounted here is found, and ./printed can be written or mounted.
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
USER 65532:65532
# A server that does not answer is seen at once; the embedded server would lose every event with its container.
ENV MILLRACE_REDIS_URL=redis://redis:6379 MILLRACE_HTTP_ADDR=:8080
EXPOSE 8080
ENTRYPOINT ["/millrace"]
CMD ["run"]
