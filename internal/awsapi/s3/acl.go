package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

type granteeXML struct {
	Xsi         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`
	URI         string `xml:",omitempty"`
}

type grantXML struct {
	Grantee    granteeXML
	Permission string
}

type aclXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   struct {
		ID          string
		DisplayName string
	}
	Grants []grantXML `xml:"AccessControlList>Grant"`
}

const (
	xsi                = "http://www.w3.org/2001/XMLSchema-instance"
	allUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	authenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
)

// expand writes a canned ACL out as grants.
func (h *Handler) expand(canned string) aclXML {
	var out aclXML
	out.Owner.ID, out.Owner.DisplayName = h.place.Account, ownerName
	add := func(permission, group string) {
		g := granteeXML{Xsi: xsi, Type: "Group", URI: group}
		if group == "" {
			g = granteeXML{Xsi: xsi, Type: "CanonicalUser", ID: h.place.Account, DisplayName: ownerName}
		}
		out.Grants = append(out.Grants, grantXML{g, permission})
	}
	add("FULL_CONTROL", "")
	switch canned {
	case "public-read":
		add("READ", allUsers)
	case "public-read-write":
		add("READ", allUsers)
		add("WRITE", allUsers)
	case "authenticated-read":
		add("READ", authenticatedUsers)
	}
	return out
}

func (h *Handler) serveObjectACL(w http.ResponseWriter, r *http.Request, at address) {
	if err := h.objectACL(w, r, at); err != nil {
		writeError(w, r, h.asAPIError(r, at, err))
	}
}

func (h *Handler) objectACL(w http.ResponseWriter, r *http.Request, at address) error {
	version := r.URL.Query().Get("versionId")
	action := map[string]string{http.MethodGet: "s3:GetObject", http.MethodPut: "s3:PutObject"}[r.Method]
	if version != "" {
		action += "Version"
	}
	body, err := h.admit(r, action+"Acl", "arn:aws:s3:::"+at.bucket+"/"+at.key)
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		o, err := h.store.Head(r.Context(), at.bucket, at.key, version)
		if err != nil {
			return err
		}
		writeXML(w, http.StatusOK, h.expand(o.CannedACL))
		return nil
	}
	canned, err := h.cannedOf(r, body)
	if err != nil {
		return err
	}
	if objectstore.PublicACL(canned) {
		docs, err := h.store.Documents(r.Context(), at.bucket, objectstore.PublicAccessBlock)
		if err != nil {
			return err
		}
		if objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]).BlockPublicAcls {
			return refuse(http.StatusForbidden, "AccessDenied", "Access Denied: the bucket's public access block forbids public ACLs")
		}
	}
	if _, err := h.store.SetACL(r.Context(), at.bucket, at.key, version, canned); err != nil {
		return err
	}
	writeEmpty(w, http.StatusOK)
	return nil
}

// cannedOf is the canned ACL a request asks for, by header or written out.
func (h *Handler) cannedOf(r *http.Request, body []byte) (string, error) {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Grant-") {
			return "", refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor supports canned ACLs only: use x-amz-acl instead of %s.", strings.ToLower(name))
		}
	}
	if canned := r.Header.Get("X-Amz-Acl"); canned != "" || len(body) == 0 {
		if canned == "" {
			return "", refuse(http.StatusBadRequest, "MissingSecurityHeader", "Your request was missing a required header")
		}
		if !cannedACLs[canned] {
			return "", refuse(http.StatusBadRequest, "InvalidArgument", "%q is not a canned ACL", canned)
		}
		return canned, nil
	}
	e, err := parse(body, "AccessControlPolicy")
	if err != nil {
		return "", err
	}
	list, ok := e.child("AccessControlList")
	if !ok {
		return "", malformed("element AccessControlList is missing in AccessControlPolicy")
	}
	return h.match(list)
}

// match finds the canned ACL that a list of grants spells out.
func (h *Handler) match(list element) (string, error) {
	granted := map[string]bool{}
	for _, g := range list.Children {
		grantee, _ := g.child("Grantee")
		permission, ok := g.child("Permission")
		if g.XMLName.Local != "Grant" || !ok {
			return "", malformed("element Permission is missing in %s", g.XMLName.Local)
		}
		who, _ := grantee.child("URI")
		if id, ok := grantee.child("ID"); ok {
			if strings.TrimSpace(id.Text) != h.place.Account {
				return "", refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor supports canned ACLs only: grants to single users are made with policies.")
			}
			who = element{}
		}
		granted[strings.TrimSpace(who.Text)+" "+strings.TrimSpace(permission.Text)] = true
	}
	for _, canned := range []string{"private", "public-read", "public-read-write", "authenticated-read"} {
		same := true
		want := h.expand(canned).Grants
		for _, g := range want {
			same = same && granted[g.Grantee.URI+" "+g.Permission]
		}
		if same && len(want) == len(granted) {
			return canned, nil
		}
	}
	return "", refuse(http.StatusNotImplemented, "NotImplemented", "Conveyor supports canned ACLs only, and these grants are none of them.")
}
