package repotrigger

import (
	"cmp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// Message is what destinations get, in the form of AWS's.
type Message struct {
	Records []Record `json:"Records"`
}

// Record tells of one ref.
type Record struct {
	Region     string  `json:"awsRegion"`
	Changes    Changes `json:"codecommit"`
	CustomData string  `json:"customData,omitempty"`
	ID         string  `json:"eventId"`
	Name       string  `json:"eventName"`
	Part       int     `json:"eventPartNumber"`
	Source     string  `json:"eventSource"`
	Repository string  `json:"eventSourceARN"`
	Time       string  `json:"eventTime"`
	Parts      int     `json:"eventTotalParts"`
	Config     string  `json:"eventTriggerConfigId"`
	Trigger    string  `json:"eventTriggerName"`
	Version    string  `json:"eventVersion"`
	Pusher     string  `json:"userIdentityARN"`
}

// Changes are the refs a record is about.
type Changes struct {
	References []Reference `json:"references"`
}

// Reference is a ref and what it leads to; one that was deleted, what it led to.
type Reference struct {
	Commit  string `json:"commit"`
	Ref     string `json:"ref"`
	Created bool   `json:"created,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
}

// eventTime is ISO 8601 with milliseconds and a zone without a colon, as AWS writes it here.
const eventTime = "2006-01-02T15:04:05.000-0700"

func (s *Store) recordOf(p gitrepo.Push, t Trigger, configuration string) Record {
	at := p.At
	if at.IsZero() {
		at = time.Now()
	}
	return Record{
		Region:     s.opts.Region,
		Changes:    Changes{[]Reference{{Commit: cmp.Or(p.New, p.Old), Ref: p.Ref, Created: p.Created, Deleted: p.Deleted}}},
		CustomData: t.CustomData, ID: uuid.NewString(), Name: "ReferenceChanges", Part: 1, Source: "aws:codecommit", Repository: p.Arn,
		Time: at.UTC().Format(eventTime), Parts: 1, Config: configuration, Trigger: t.Name, Version: "1.0", Pusher: p.PusherArn,
	}
}

// nameOf is the name in a repository's ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }
