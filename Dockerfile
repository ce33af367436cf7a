# Two stages: the program is built with Go and runs alone, as nobody, on
# nothing. The lines are plain so that any builder can read them; what changes
# least comes first.
FROM golang:1.26 AS build
WORKDIR /src
COPY tools/sbom tools/sbom
RUN go -C tools/sbom build -o /out/cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/rowcast ./cmd/rowcast
# What the program is made of, as CycloneDX.
RUN /out/cyclonedx-gomod bin -json -output /out/rowcast.cdx.json /out/rowcast
# A volume that is made here belongs to whom the folder does.
RUN mkdir -p -m 700 /out/folders/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/rowcast /out/rowcast.cdx.json /
COPY --from=build --chown=65532:65532 /out/folders/ /
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=6 CMD ["/rowcast", "health"]
ENTRYPOINT ["/rowcast"]
CMD ["serve"]
