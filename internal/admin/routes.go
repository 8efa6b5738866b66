package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

const (
	// readyTimeout bounds what Ready may ask of Redis. A kubelet gives up on a probe after a second unless told otherwise.
	readyTimeout = 3 * time.Second
	// metricsTimeout bounds one scrape, which may ask Redis too; the default of Prometheus is 10 s.
	metricsTimeout = 10 * time.Second
	// scrapesAtOnce bounds how many scrapes run side by side, since each one holds its whole answer in memory.
	scrapesAtOnce = 4
)

// routes is the whole of what is served. A path that is not listed answers 404; a method other than GET and HEAD, 405.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", withToken(s.options.Token, http.HandlerFunc(index)))
	mux.HandleFunc("GET /livez", s.live)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", withToken(s.options.Token, s.metrics()))
	return withHeaders(mux)
}

// withHeaders marks every answer as one that must not be kept, since it is true only now, nor taken for anything but
// what its type says.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// withToken answers 401 to whoever does not send the token, after the same time whatever was sent; "" lets everybody in.
func withToken(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(sent))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="millrace"`)
			writeText(w, http.StatusUnauthorized, "Send MILLRACE_HTTP_TOKEN as `Authorization: Bearer ...`.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// index tells whoever opens the address what is there.
func index(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "Millrace is running.\nSee /livez, /readyz and /metrics.\n")
}

// live answers whether the process can go on by itself; where it cannot, it should be restarted.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, s.options.Live())
}

// ready answers whether events are handled now; where they are not, waiting may be all that it takes.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	writeHealth(w, s.options.Ready(ctx))
}

// writeHealth answers `ok`, or 503 with the fault, in which no text from outside can play tricks on a terminal. An error of
// errors.Join prints one fault a line.
func writeHealth(w http.ResponseWriter, fault error) {
	if fault != nil {
		writeText(w, http.StatusServiceUnavailable, stream.CleanError(fault.Error())+"\n")
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

// writeText writes an answer in plain text. A client that has gone away is no fault of ours.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// metrics serves what Prometheus scrapes, in OpenMetrics where the scraper asks for it. A collector that fails costs
// its own figures alone and a line in the log.
func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.options.Metrics, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{s.options.Logger},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
		Timeout:             metricsTimeout,
		EnableOpenMetrics:   true,
	})
}

// scrapeLog hands the errors of a scrape to the service's log.
type scrapeLog struct{ logger *zap.Logger }

// Println logs one error.
func (l scrapeLog) Println(words ...any) {
	l.logger.Warn("metrics could not be gathered", zap.String("error", fmt.Sprint(words...)))
}
