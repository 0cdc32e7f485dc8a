package s3deploy

import (
	"errors"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// contentTypes is what browsers need to be told, by extension. It is part of the program: the result must not depend on
// the machine's own tables.
//
// Text that has no way of its own to declare an encoding says UTF-8, without which browsers read it as Windows-1252 and
// show mojibake; JSON, XML and SVG are UTF-8 by definition or declare themselves. Scripts, modules, styles, WebAssembly
// and fonts need their exact type, because browsers refuse them under nosniff otherwise.
var contentTypes = table(map[string]string{
	"text/html; charset=utf-8":       "html htm",
	"text/css; charset=utf-8":        "css",
	"text/javascript; charset=utf-8": "js mjs cjs",
	"text/plain; charset=utf-8":      "txt text log conf ini",
	"text/markdown; charset=utf-8":   "md markdown",
	"text/csv; charset=utf-8":        "csv",
	"text/calendar; charset=utf-8":   "ics",
	"text/vtt; charset=utf-8":        "vtt",
	"text/yaml; charset=utf-8":       "yaml yml",

	"application/json":          "json map",
	"application/manifest+json": "webmanifest",
	"application/ld+json":       "jsonld",
	"application/geo+json":      "geojson",
	"application/xml":           "xml xsd xsl",
	"application/xhtml+xml":     "xhtml xht",
	"application/rss+xml":       "rss",
	"application/atom+xml":      "atom",
	"image/svg+xml":             "svg",

	"application/wasm":              "wasm",
	"application/pdf":               "pdf",
	"application/rtf":               "rtf",
	"application/epub+zip":          "epub",
	"application/zip":               "zip",
	"application/gzip":              "gz tgz",
	"application/zstd":              "zst",
	"application/x-bzip2":           "bz2",
	"application/x-xz":              "xz",
	"application/x-tar":             "tar",
	"application/x-7z-compressed":   "7z",
	"application/java-archive":      "jar war ear",
	"application/sql":               "sql",
	"application/vnd.ms-excel":      "xls",
	"application/vnd.ms-powerpoint": "ppt",
	"application/msword":            "doc",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "docx",
	"application/vnd.ms-fontobject":                                             "eot",
	"font/woff":                                                                 "woff",
	"font/woff2":                                                                "woff2",
	"font/ttf":                                                                  "ttf",
	"font/otf":                                                                  "otf",

	"image/png":                "png",
	"image/apng":               "apng",
	"image/jpeg":               "jpg jpeg jpe",
	"image/gif":                "gif",
	"image/webp":               "webp",
	"image/avif":               "avif",
	"image/jxl":                "jxl",
	"image/heic":               "heic",
	"image/bmp":                "bmp",
	"image/tiff":               "tif tiff",
	"image/vnd.microsoft.icon": "ico cur",

	"audio/mpeg": "mp3",
	"audio/mp4":  "m4a",
	"audio/aac":  "aac",
	"audio/ogg":  "ogg oga opus",
	"audio/wav":  "wav",
	"audio/flac": "flac",
	"audio/webm": "weba",
	"audio/midi": "mid midi",

	"video/mp4":                     "mp4 m4v",
	"video/webm":                    "webm",
	"video/ogg":                     "ogv",
	"video/quicktime":               "mov",
	"video/x-msvideo":               "avi",
	"video/mp2t":                    "ts",
	"application/vnd.apple.mpegurl": "m3u8",
	"application/dash+xml":          "mpd",
	"model/gltf+json":               "gltf",
	"model/gltf-binary":             "glb",
})

// unknownType is what S3 gives objects whose type nobody knows: browsers download them.
const unknownType = "binary/octet-stream"

func table(byType map[string]string) map[string]string {
	t := map[string]string{}
	for contentType, extensions := range byType {
		for extension := range strings.FieldsSeq(extensions) {
			t[extension] = contentType
		}
	}
	return t
}

// typeByName is the content type that a file's name calls for.
func typeByName(name string) string {
	if t, known := contentTypes[strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))]; known {
		return t
	}
	return unknownType
}

const htmlType = "text/html"

// prescan is how much of a page a browser searches for its encoding.
const prescan = 1024

var declaredCharset = regexp.MustCompile(`(?i)<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)`)

// contentType is the type of a file. A page that declares another encoding than UTF-8 gets none here, because the header
// would overrule what the page says.
func contentType(name string, f *archive.File) (string, error) {
	t := typeByName(name)
	if !strings.HasPrefix(t, htmlType) {
		return t, nil
	}
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	head := make([]byte, prescan)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	if m := declaredCharset.FindSubmatch(head[:n]); m != nil && !strings.EqualFold(string(m[1]), "utf-8") {
		return htmlType, nil
	}
	return t, nil
}
