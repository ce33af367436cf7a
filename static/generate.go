package static

// The browser loads few files, not one for each source: what is served is bundled and shortened beforehand, and kept beside the
// sources, so that the program builds without node. Run go generate ./static after a change of any of them.
//go:generate sh -c "rm -rf dist && go tool -modfile=../tools/go.mod esbuild js/main.js css/rowcast.css css/uPlot=vendor/uplot/uPlot.css --bundle --splitting --format=esm --minify --target=esnext --external:*.woff2 --outdir=dist --chunk-names=js/[name]-[hash] --metafile=dist/meta.json --legal-comments=none --log-level=warning"
