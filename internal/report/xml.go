package report

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// handler is told what an XML document holds. Names are without their name spaces.
type handler interface {
	// root reports whether a document with this root element is of the handler's format.
	root(name string) bool
	start(e element)
	// end is told the text directly within the element, of elements the handler asked for by element.keep.
	end(name, text string)
}

// element is the start of an element.
type element struct {
	name   string
	parent string
	attrs  []xml.Attr
	// keep has the element's text kept for its end; other text is not looked at.
	keep func()
}

func (e element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e element) number(name string) int {
	n, err := strconv.Atoi(e.attr(name))
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return n
}

// open is an element that has not ended.
type open struct {
	name string
	keep bool
	text strings.Builder
}

// readXML hands a document to h. The decoder knows no entities but XML's own five and reads nothing from elsewhere, so that a
// document can neither grow nor reach out.
func readXML(r io.Reader, h handler) error {
	in := &tokens{r: bufio.NewReader(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))}
	d := xml.NewDecoder(in)
	d.CharsetReader = charset
	var path []*open
	for seen := false; ; {
		in.length = 0
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if !seen || len(path) > 0 {
				return fmt.Errorf("%w: the document ends in the middle", ErrFormat)
			}
			return nil
		}
		if err != nil {
			return xmlError(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(path) == 0 && (seen || !h.root(t.Name.Local)) {
				return fmt.Errorf("%w: its root element is %s", ErrFormat, clip(t.Name.Local, maxName))
			}
			if seen = true; len(path) >= maxDepth {
				return fmt.Errorf("%w: elements lie more than %d deep", ErrFormat, maxDepth)
			}
			e := &open{name: t.Name.Local}
			parent := ""
			if len(path) > 0 {
				parent = path[len(path)-1].name
			}
			path = append(path, e)
			h.start(element{name: e.name, parent: parent, attrs: t.Attr, keep: func() { e.keep = true }})
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1].name != t.Name.Local {
				return fmt.Errorf("%w: </%s> closes nothing", ErrFormat, clip(t.Name.Local, maxName))
			}
			last := path[len(path)-1]
			path = path[:len(path)-1]
			h.end(last.name, last.text.String())
		case xml.CharData:
			if len(path) > 0 {
				path[len(path)-1].add(t)
			}
		}
	}
}

func (o *open) add(text []byte) {
	if left := maxMessage*2 - o.text.Len(); o.keep && left > 0 {
		o.text.Write(text[:min(left, len(text))])
	}
}

func xmlError(err error) error {
	if errors.Is(err, ErrSize) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

// maxToken bounds a tag, or a text: the decoder holds each of them whole, and of a tag's attributes many times its length.
const maxToken = 16 << 20

// tokens counts how long a token is.
type tokens struct {
	r      *bufio.Reader
	length int
}

var errToken = fmt.Errorf("it has a tag or a text of more than %d MiB", maxToken>>20)

// ReadByte is what the decoder reads UTF-8 with.
func (t *tokens) ReadByte() (byte, error) {
	if t.length++; t.length > maxToken {
		return 0, errToken
	}
	return t.r.ReadByte()
}

// Read is what other encodings are read with.
func (t *tokens) Read(p []byte) (int, error) {
	if t.length > maxToken {
		return 0, errToken
	}
	n, err := t.r.Read(p)
	t.length += n
	return n, err
}

// charset reads documents that say they are in another encoding than UTF-8. UTF-16 has been recognised before.
func charset(label string, in io.Reader) (io.Reader, error) {
	if strings.HasPrefix(strings.ToLower(label), "utf-16") {
		return in, nil
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("the encoding %q is not known", clip(label, maxName))
	}
	return enc.NewDecoder().Reader(in), nil
}

// seconds reads a duration as tools write it: "0.25", "1,234.5".
func seconds(text string) time.Duration { return duration(text, time.Second) }

// duration reads a number of units; what is no number is no time.
func duration(text string, unit time.Duration) time.Duration {
	n, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil || !(n >= 0) {
		return 0
	}
	return bounds(n * float64(unit))
}

// longest keeps sums of durations from overflowing.
const longest = 10 * 365 * 24 * time.Hour

func bounds(nanoseconds float64) time.Duration {
	return time.Duration(min(nanoseconds, float64(longest)))
}
