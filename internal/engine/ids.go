package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// Ids are derived, because Step has no randomness: the same events give the same ids on every replay. They have the
// form of a lowercase UUIDv4, as AWS's do (E1).
//
// Approval tokens must be unguessable although every id they belong to is public. They derive from the execution's
// nonce, which the shell draws at random when it makes ExecutionRequested (or RollbackRequested) and which never leaves
// the state. A retry runs the action under a new id and so gives it a new token (E7).

// ActionExecutionID names the attempt-th run of an action in an execution; attempts count from 1.
func ActionExecutionID(executionID, stage, action string, attempt int) string {
	return uuid(digest("action", executionID, stage, action, strconv.Itoa(attempt)))
}

func ruleExecutionID(executionID, stage string, slot ConditionType, rule string, attempt int) string {
	return uuid(digest("rule", executionID, stage, string(slot), rule, strconv.Itoa(attempt)))
}

// rollbackID names the automatic rollback after the attempt-th failure of an execution in a stage.
func rollbackID(executionID, stage string, attempt int) string {
	return uuid(digest("rollback", executionID, stage, strconv.Itoa(attempt)))
}

// rollbackNonce is the secret of an automatic rollback.
func rollbackNonce(nonce, id string) string {
	if nonce == "" {
		return ""
	}
	sum := digest("nonce", nonce, id)
	return hex.EncodeToString(sum[:16])
}

// approvalToken is empty without a nonce: an approval nobody can decide is safer than one anybody can.
func approvalToken(nonce, actionExecutionID string) string {
	if nonce == "" {
		return ""
	}
	return uuid(digest("token", nonce, actionExecutionID))
}

// artifactKey is where an action puts an output (P6): the pipeline's first 20 characters, the artifact's first 10, and
// 7 characters that AWS draws at random and we derive from the action execution id, so that every run has its own key.
func artifactKey(pipelineName, artifact, actionExecutionID string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	sum := digest("artifact", actionExecutionID, artifact)
	n := binary.BigEndian.Uint64(sum[:8])
	var tail [7]byte
	for i := range tail {
		tail[i] = alphabet[n%uint64(len(alphabet))]
		n /= uint64(len(alphabet))
	}
	return head(pipelineName, 20) + "/" + head(artifact, 10) + "/" + string(tail[:])
}

// digest hashes parts so that no two different lists of parts collide by concatenation.
func digest(parts ...string) [sha256.Size]byte {
	buf := make([]byte, 0, 192)
	for _, p := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	return sha256.Sum256(buf)
}

// uuid writes the first 16 bytes of sum as a version 4 UUID.
func uuid(sum [sha256.Size]byte) string {
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

func head(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
