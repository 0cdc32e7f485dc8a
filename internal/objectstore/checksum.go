package objectstore

import (
	"crypto/md5"  // one of S3's checksum algorithms
	"crypto/sha1" // one of S3's checksum algorithms
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"sync"
)

// S3's additional checksum algorithms that the store computes, and the two ways to combine those of parts.
const (
	CRC32     = "CRC32"
	CRC32C    = "CRC32C"
	CRC64NVME = "CRC64NVME"
	SHA1      = "SHA1"
	SHA256    = "SHA256"
	SHA512    = "SHA512"
	MD5       = "MD5"

	FullObject = "FULL_OBJECT"
	Composite  = "COMPOSITE"
)

// nvme is the reflected polynomial of CRC-64/NVME.
var nvme = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })

// NewChecksum computes checksums of one of the algorithms. ErrUnsupported.
func NewChecksum(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case CRC32:
		return crc32.NewIEEE(), nil
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), nil
	case CRC64NVME:
		return crc64.New(nvme()), nil
	case SHA1:
		return sha1.New(), nil // see the import
	case SHA256:
		return sha256.New(), nil
	case SHA512:
		return sha512.New(), nil
	case MD5:
		return md5.New(), nil // see the import
	}
	return nil, fmt.Errorf("checksum algorithm %q: %w", algorithm, ErrUnsupported)
}

func encodeSum(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
