package webhook

import (
	"bytes"
	"context"
	"net/http"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
)

// request makes the request for a delivery. It fails where the template does.
func (h *Handler) request(ctx context.Context, delivery *consumers.Delivery) (*http.Request, error) {
	body := delivery.Data
	if h.body != nil {
		made, err := h.body.render(delivery)
		if err != nil {
			return nil, err
		}
		body = made
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.URL, request.Host, request.Header = h.url, h.url.Host, h.header.Clone()
	for _, header := range remote.Headers(delivery, h.source) {
		request.Header.Set(header.Name, header.Value)
	}
	if h.body != nil {
		request.Header.Set("Content-Type", h.body.contentType)
	}
	if len(h.keys) > 0 {
		sign(request.Header, h.keys, messageID(delivery), h.now(), body)
	}
	return request, nil
}
