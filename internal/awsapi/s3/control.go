package s3

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"sort"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// The tag operations of S3 Control, which newer Terraform providers use for buckets.

type tagXML struct {
	Key   string
	Value string
}

type listTagsXML struct {
	XMLName xml.Name `xml:"http://awss3control.amazonaws.com/doc/2018-08-20/ ListTagsForResourceResult"`
	Tags    []tagXML `xml:"Tags>Tag"`
}

type tagResourceXML struct {
	Tags []tagXML `xml:"Tags>Tag"`
}

func (h *Handler) serveControlTags(w http.ResponseWriter, r *http.Request, arn string) {
	bucket, ok := strings.CutPrefix(arn, "arn:aws:s3:::")
	at := address{bucket: bucket}
	if !ok || bucket == "" || strings.Contains(bucket, "/") {
		writeError(w, r, refuse(http.StatusBadRequest, "InvalidRequest", "%q is not the ARN of a bucket (arn:aws:s3:::NAME).", arn))
		return
	}
	if err := h.controlTags(w, r, at); err != nil {
		writeError(w, r, h.asAPIError(r, at, err))
	}
}

func (h *Handler) controlTags(w http.ResponseWriter, r *http.Request, at address) error {
	action := map[string]string{
		http.MethodGet: "s3:ListTagsForResource", http.MethodPost: "s3:TagResource", http.MethodDelete: "s3:UntagResource",
	}[r.Method]
	if action == "" {
		return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	body, err := h.admit(r, action, "arn:aws:s3:::"+at.bucket)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		return h.listTags(w, r, at)
	case http.MethodPost:
		var in tagResourceXML
		if err := xml.Unmarshal(body, &in); err != nil {
			return malformed("%v", err)
		}
		return h.changeTags(w, r, at, func(tags map[string]string) error {
			for _, t := range in.Tags {
				if t.Key == "" || len(t.Key) > 128 || len(t.Value) > 256 {
					return refuse(http.StatusBadRequest, "InvalidTag", "The tag key %q or its value is empty or too long.", t.Key)
				}
				tags[t.Key] = t.Value
			}
			if len(tags) > 50 {
				return refuse(http.StatusBadRequest, "TooManyTags", "A bucket can have 50 tags.")
			}
			return nil
		})
	default:
		return h.changeTags(w, r, at, func(tags map[string]string) error {
			for _, k := range r.URL.Query()["tagKeys"] {
				delete(tags, k)
			}
			return nil
		})
	}
}

func (h *Handler) listTags(w http.ResponseWriter, r *http.Request, at address) error {
	tags := map[string]string{}
	doc, err := h.store.Document(r.Context(), at.bucket, objectstore.Tagging)
	if err == nil {
		err = json.Unmarshal(doc, &tags)
	}
	if err != nil && !errors.Is(err, objectstore.ErrNoSuchDocument) {
		return err
	}
	var out listTagsXML
	for k, v := range tags {
		out.Tags = append(out.Tags, tagXML{k, v})
	}
	sort.Slice(out.Tags, func(i, j int) bool { return out.Tags[i].Key < out.Tags[j].Key })
	writeXML(w, http.StatusOK, out)
	return nil
}

func (h *Handler) changeTags(w http.ResponseWriter, r *http.Request, at address, change func(map[string]string) error) error {
	err := h.store.UpdateDocument(r.Context(), at.bucket, objectstore.Tagging, func(doc []byte) ([]byte, error) {
		tags := map[string]string{}
		if doc != nil {
			if err := json.Unmarshal(doc, &tags); err != nil {
				return nil, err
			}
		}
		if err := change(tags); err != nil || len(tags) == 0 {
			return nil, err
		}
		return json.Marshal(tags)
	})
	if err != nil {
		return err
	}
	writeEmpty(w, http.StatusNoContent)
	return nil
}
