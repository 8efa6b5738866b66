package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/millrace/millrace/consumers/remote"
)

// maxDrainBytes is how much of an answer is read, so that its connection can be used again. The connection of a longer one is
// closed.
const maxDrainBytes = 1 << 20

// read reads an answer. Its error says that it broke off; a status that is no success counts also then.
func read(response *http.Response) (remote.Answer, error) {
	defer response.Body.Close()
	answer := remote.Answer{
		Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After"), Location: response.Header.Get("Location"),
	}
	if response.StatusCode < http.StatusOK { // of these, only 101 is handed over: what follows is no answer
		return answer, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, remote.MaxBodyBytes))
	answer.Body = body
	if err == nil {
		_, err = io.CopyN(io.Discard, response.Body, maxDrainBytes-remote.MaxBodyBytes)
	}
	if err == nil || errors.Is(err, io.EOF) || response.StatusCode >= http.StatusMultipleChoices {
		return answer, nil
	}
	return answer, fmt.Errorf("the answer %d broke off: %w", response.StatusCode, err)
}
