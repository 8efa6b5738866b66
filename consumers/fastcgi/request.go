package fastcgi

import (
	"path"
	"strconv"
	"strings"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// request is all that is sent for a delivery.
func (h *Handler) request(delivery *consumers.Delivery) []byte {
	request := make([]byte, 0, len(delivery.Data)+2048)
	request = appendRecord(request, beginRequest, []byte{0, responder, keepConnection, 0, 0, 0, 0, 0})
	request = appendStream(request, params, h.params(delivery))
	return appendStream(request, standardIn, delivery.Data)
}

// params are the variables of CGI/1.1 (RFC 3875, section 4.1) as a web server sets them for a POST of the event.
func (h *Handler) params(delivery *consumers.Delivery) []byte {
	var pairs []byte
	for _, pair := range [...][2]string{
		{"GATEWAY_INTERFACE", "CGI/1.1"},
		{"SERVER_SOFTWARE", "millrace"},
		{"SERVER_PROTOCOL", "HTTP/1.1"},
		{"SERVER_NAME", "millrace"},
		{"SERVER_ADDR", "127.0.0.1"},
		{"SERVER_PORT", "80"},
		{"REMOTE_ADDR", "127.0.0.1"},
		{"REMOTE_PORT", "0"},
		{"REQUEST_METHOD", "POST"},
		{"REQUEST_URI", "/" + path.Base(h.script)},
		{"QUERY_STRING", ""},
		{"DOCUMENT_ROOT", path.Dir(h.script)},
		{"SCRIPT_NAME", "/" + path.Base(h.script)},
		{"SCRIPT_FILENAME", h.script},
		{"CONTENT_LENGTH", strconv.Itoa(len(delivery.Data))},
	} {
		pairs = appendPair(pairs, pair[0], pair[1])
	}
	for _, header := range remote.Headers(delivery, h.source) {
		pairs = appendPair(pairs, variable(header.Name), header.Value)
	}
	return pairs
}

// variable is the name under which a script finds a header.
func variable(header string) string {
	name := strings.ToUpper(strings.ReplaceAll(header, "-", "_"))
	if name == "CONTENT_TYPE" {
		return name
	}
	return "HTTP_" + name
}
