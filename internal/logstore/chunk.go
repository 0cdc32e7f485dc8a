package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Event is one log event.
type Event struct {
	Time      int64 // milliseconds since the epoch: when it happened, as its writer says
	Ingestion int64 // milliseconds since the epoch: when it was appended
	Message   string
	Seq       int64 // its position in the stream, from 0, without gaps

	// Key is the largest Time of the stream up to here. Streams are merged by it, because it never decreases although
	// Time may.
	Key int64
}

// chunk is a run of events of one stream, encoded. The first bytes are the key before the chunk; each event follows as
// time minus the previous time, ingestion minus time, length, message. Appending only extends raw, so a slice of it
// taken earlier stays valid.
type chunk struct {
	firstSeq int64
	events   int64
	bytes    int64 // of messages
	minMs    int64
	maxMs    int64
	key      int64
	lastMs   int64
	ingestMs int64
	raw      []byte
	packed   []byte // compressed raw, once sealed
}

func newChunk(seq, key int64) *chunk {
	return &chunk{firstSeq: seq, key: key, lastMs: key, raw: binary.AppendVarint(nil, key)}
}

func (c *chunk) add(e Event) {
	if c.events == 0 {
		c.minMs, c.maxMs = e.Time, e.Time
	}
	c.raw = binary.AppendVarint(c.raw, e.Time-c.lastMs)
	c.raw = binary.AppendVarint(c.raw, e.Ingestion-e.Time)
	c.raw = binary.AppendUvarint(c.raw, uint64(len(e.Message)))
	c.raw = append(c.raw, e.Message...)
	c.events++
	c.bytes += int64(len(e.Message))
	c.minMs, c.maxMs, c.key = min(c.minMs, e.Time), max(c.maxMs, e.Time), max(c.key, e.Time)
	c.lastMs, c.ingestMs = e.Time, e.Ingestion
}

// addLines adds lines of a text as events of one time until the chunk is large enough, and returns the rest.
func (c *chunk) addLines(at, ingestion int64, text []byte) (rest []byte) {
	var head [2 * binary.MaxVarintLen64]byte
	same := binary.AppendVarint(binary.AppendVarint(head[:0], 0), ingestion-at) // what an event begins with but for the first
	for len(text) > 0 && len(c.raw) < chunkTarget {
		n := min(len(text), MaxMessage)
		if end := bytes.IndexByte(text[:n], '\n'); end >= 0 {
			n = end + 1
		}
		if c.events == 0 || c.lastMs != at {
			c.add(Event{Time: at, Ingestion: ingestion, Message: string(text[:n])})
		} else {
			c.raw = append(c.raw, same...)
			c.raw = binary.AppendUvarint(c.raw, uint64(n))
			c.raw = append(c.raw, text[:n]...)
			c.events++
			c.bytes += int64(n)
			c.ingestMs = ingestion
		}
		text = text[n:]
	}
	return text
}

var errDamaged = errors.New("damaged log chunk")

// decode reads the events of a raw chunk from the sequence number from on. A follower asks for the last few of many, so
// what comes before is only stepped over.
func decode(raw []byte, firstSeq, count, from int64) ([]Event, error) {
	d := decoder{raw: raw}
	key := d.varint()
	last := key
	wanted := count - max(from-firstSeq, 0)
	events := make([]Event, 0, max(0, min(wanted, int64(len(raw))/3+1)))
	for i := range count {
		e := Event{Seq: firstSeq + i}
		e.Time = last + d.varint()
		e.Ingestion = e.Time + d.varint()
		text := d.text()
		if d.err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Seq, d.err)
		}
		key, last = max(key, e.Time), e.Time
		if e.Seq < from {
			continue
		}
		e.Key, e.Message = key, string(text)
		events = append(events, e)
	}
	return events, nil
}

type decoder struct {
	raw []byte
	err error
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.raw)
	if n <= 0 {
		d.err = errDamaged
		return 0
	}
	d.raw = d.raw[n:]
	return v
}

func (d *decoder) text() []byte {
	length, n := binary.Uvarint(d.raw)
	if n <= 0 || length > uint64(len(d.raw)-n) {
		d.err = errDamaged
		return nil
	}
	s := d.raw[n : n+int(length)]
	d.raw = d.raw[n+int(length):]
	return s
}

// codec compresses chunks. Its encoder and decoder may be used from many goroutines.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(chunkTarget), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	if err != nil {
		return codec{}, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxChunk))
	return codec{enc, dec}, err
}

func (c codec) pack(raw []byte) []byte { return c.enc.EncodeAll(raw, make([]byte, 0, len(raw)/4)) }

func (c codec) unpack(data []byte, firstSeq, count, from int64) ([]Event, error) {
	raw, err := c.dec.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return decode(raw, firstSeq, count, from)
}
