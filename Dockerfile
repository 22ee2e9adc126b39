# The control container: the command faultline and nothing else that it needs but the
# authorities to trust. See docker-compose.yml.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /faultline ./cmd/faultline

FROM ${BASE_IMAGE}
COPY --from=build /faultline /usr/local/bin/faultline
WORKDIR /work
ENTRYPOINT ["faultline"]
CMD ["help"]
