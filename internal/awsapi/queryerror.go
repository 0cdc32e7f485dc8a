package awsapi

import (
	"net/http"

	"github.com/aws/smithy-go"
)

// queryCodes renames exceptions of the dispatcher that the query services call otherwise.
var queryCodes = map[string]string{
	"AccessDeniedException":          "AccessDenied",
	"SerializationException":         "MalformedInput",
	"RequestEntityTooLargeException": "RequestEntityTooLarge",
}

// queryStatuses are IAM's HTTP statuses where they are not 400.
var queryStatuses = map[string]int{
	"AccessDenied":        http.StatusForbidden,
	"NoSuchEntity":        http.StatusNotFound,
	"EntityAlreadyExists": http.StatusConflict,
	"DeleteConflict":      http.StatusConflict,
	"LimitExceeded":       http.StatusConflict,
}

// queryError is what an exception is called in the query protocol.
type queryError struct {
	code   string
	status int
}

// queryCompatible are the services that once spoke the query protocol alone: whatever protocol is spoken with them, their
// clients are told the names that exceptions had then.
var queryCompatible = map[string]map[string]queryError{
	"cloudwatch": {
		"InvalidFormatFault":                   {"InvalidFormat", http.StatusBadRequest},
		"InvalidParameterCombinationException": {"InvalidParameterCombination", http.StatusBadRequest},
		"InvalidParameterValueException":       {"InvalidParameterValue", http.StatusBadRequest},
		"LimitExceededFault":                   {"LimitExceeded", http.StatusBadRequest},
		"MissingRequiredParameterException":    {"MissingParameter", http.StatusBadRequest},
		"ResourceNotFound":                     {"ResourceNotFound", http.StatusNotFound},
		"ResourceNotFoundException":            {"ResourceNotFoundException", http.StatusNotFound},
		"UnknownOperationException":            {"InvalidAction", http.StatusBadRequest},
		"ValidationException":                  {"ValidationError", http.StatusBadRequest},
	},
	"sns": {
		"AccessDeniedException":          {"AuthorizationError", http.StatusForbidden},
		"AuthorizationError":             {"AuthorizationError", http.StatusForbidden},
		"NotFound":                       {"NotFound", http.StatusNotFound},
		"ResourceNotFound":               {"ResourceNotFound", http.StatusNotFound},
		"RequestEntityTooLargeException": {"InvalidParameter", http.StatusBadRequest},
		"SerializationException":         {"InvalidParameter", http.StatusBadRequest},
		"SubscriptionLimitExceeded":      {"SubscriptionLimitExceeded", http.StatusForbidden},
		"TopicLimitExceeded":             {"TopicLimitExceeded", http.StatusForbidden},
		"ValidationError":                {"InvalidParameter", http.StatusBadRequest},
	},
}

// queryName is the code and the HTTP status of an error in the query protocol.
func queryName(service string, err smithy.APIError, status int) (string, int) {
	code := err.ErrorCode()
	if e, ok := queryCompatible[service][code]; ok {
		return e.code, e.status
	}
	if renamed, ok := queryCodes[code]; ok {
		code = renamed
	}
	if s, ok := queryStatuses[code]; ok && status == http.StatusBadRequest && queryCompatible[service] == nil {
		status = s
	}
	return code, status
}

// queryError tells clients of a service that is compatible with the query protocol an error's name in it, and returns the
// status to answer with.
func (c *call) queryError(err smithy.APIError, status int) int {
	if queryCompatible[c.service] == nil {
		return status
	}
	fault := "Sender"
	if err.ErrorFault() == smithy.FaultServer {
		fault = "Receiver"
	}
	code, status := queryName(c.service, err, status)
	c.w.Header().Set("X-Amzn-Query-Error", code+";"+fault)
	return status
}
