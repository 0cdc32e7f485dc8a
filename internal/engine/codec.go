package engine

import (
	"encoding/json"
	"fmt"
)

// EncodeEvent writes ev so that DecodeEvent reads it back: for logs and queued deliveries.
func EncodeEvent(ev Event) ([]byte, error) {
	body, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", ev.Name(), err)
	}
	return json.Marshal(envelope{Name: ev.Name(), Event: body})
}

type envelope struct {
	Name  string          `json:"name"`
	Event json.RawMessage `json:"event"`
}

// DecodeEvent reads what EncodeEvent wrote.
func DecodeEvent(data []byte) (Event, error) {
	var env envelope
	if err := json.Unmarshal(data, &env); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	for _, decode := range decoders() {
		if ev, err := decode(env); ev != nil || err != nil {
			return ev, err
		}
	}
	return nil, fmt.Errorf("decode event: there is no event named %q", env.Name)
}

func decoders() []func(envelope) (Event, error) {
	return []func(envelope) (Event, error){
		decode[ExecutionRequested], decode[ActionStarted], decode[ActionSucceeded], decode[ActionFailed],
		decode[ApprovalGiven], decode[StopRequested], decode[RetryRequested], decode[RollbackRequested],
		decode[TransitionSet], decode[RuleResolved], decode[ConditionOverridden], decode[TimerFired],
		decode[DefinitionChanged], decode[PipelineDeleted],
	}
}

// decode returns nothing when env holds another event.
func decode[E Event](env envelope) (Event, error) {
	var ev E
	if ev.Name() != env.Name {
		return nil, nil
	}
	if err := json.Unmarshal(env.Event, &ev); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", env.Name, err)
	}
	return ev, nil
}
