package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// The length of a key in bytes, as Standard Webhooks 1.0 asks for.
const minKeyBytes, maxKeyBytes = 24, 64

// parseSecrets reads the keys of the signature. Errors count them and repeat nothing of them.
func parseSecrets(text string) ([][]byte, error) {
	secrets := strings.Fields(text)
	keys := make([][]byte, 0, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < minKeyBytes || len(key) > maxKeyBytes {
			return nil, fmt.Errorf("number %d of %d: expected whsec_ and %d to %d bytes in base64: "+
				"make one by echo whsec_$(openssl rand -base64 32)", i+1, len(secrets), minKeyBytes, maxKeyBytes)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// messageID is the ID that is signed: the same for every try. A full stop would let a receiver take a part of the ID for the
// time, which is why Standard Webhooks forbids it.
func messageID(delivery *consumers.Delivery) string {
	return strings.ReplaceAll(remote.Key(delivery), ".", "%2E")
}

// sign adds the signature of Standard Webhooks 1.0, one with each key.
func sign(header http.Header, keys [][]byte, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, 0, len(keys))
	for _, key := range keys {
		digest := hmac.New(sha256.New, key)
		digest.Write([]byte(id + "." + timestamp + "."))
		digest.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(digest.Sum(nil)))
	}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}
