package views

import (
	"bytes"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// firstLevel is how large a heading in a panel may be: the page's and the panel's own stand above it.
const firstLevel = 3

// Markdown renders a text as HTML that is safe to show: HTML in it is left out, links lead to http(s), mail or places of this
// server only, and an image is a link to it, since a page loads nothing from elsewhere.
func Markdown(text string) string {
	var b bytes.Buffer
	if err := newMarkdown().Convert([]byte(text), &b); err != nil {
		return "" // a buffer does not fail
	}
	return b.String()
}

func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Strikethrough, extension.Linkify,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(tame{}, 100))),
	)
}

// tame renders what a panel shows otherwise than a page of its own would.
type tame struct{}

func (t tame) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHeading, t.heading)
	r.Register(ast.KindImage, t.image)
	r.Register(ast.KindLink, t.link)
	r.Register(ast.KindAutoLink, t.address)
	r.Register(ast.KindRawHTML, t.nothing)
	r.Register(ast.KindHTMLBlock, t.nothing)
}

func (tame) heading(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	level := '0' + rune(min(6, firstLevel-1+n.(*ast.Heading).Level))
	if entering {
		_, _ = w.WriteString("<h")
	} else {
		_, _ = w.WriteString("</h")
	}
	_, _ = w.WriteRune(level)
	end := ">"
	if !entering {
		end = ">\n"
	}
	_, err := w.WriteString(end)
	return ast.WalkContinue, err
}

func (tame) image(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	return anchor(w, n.(*ast.Image).Destination, entering)
}

func (tame) link(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	return anchor(w, n.(*ast.Link).Destination, entering)
}

// address is a link whose text is where it leads.
func (tame) address(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	link := n.(*ast.AutoLink)
	target := link.URL(source)
	if link.AutoLinkType == ast.AutoLinkEmail && !bytes.HasPrefix(bytes.ToLower(target), []byte("mailto:")) {
		target = append([]byte("mailto:"), target...)
	}
	if entering {
		_, _ = anchor(w, target, true)
		_, _ = w.Write(util.EscapeHTML(link.Label(source)))
		return anchor(w, target, false)
	}
	return ast.WalkContinue, nil
}

// anchor begins or ends a link; what leads to something dangerous is text.
func anchor(w util.BufWriter, target []byte, entering bool) (ast.WalkStatus, error) {
	var err error
	switch {
	case html.IsDangerousURL(util.URLEscape(target, true)):
	case entering:
		_, _ = w.WriteString(`<a href="`)
		_, _ = w.Write(util.EscapeHTML(util.URLEscape(target, true)))
		_, err = w.WriteString(`">`)
	default:
		_, err = w.WriteString("</a>")
	}
	return ast.WalkContinue, err
}

func (tame) nothing(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
	return ast.WalkSkipChildren, nil
}
