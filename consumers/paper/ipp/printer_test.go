package ipp

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
)

var document = Job{Name: "label-12345-171c8f56.pdf", Formats: []string{"application/pdf"}, Content: []byte("%PDF-1.3 a label")}

func TestPrintWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 3, 3, 5, 5, 9)
	got, err := fake.printer(t).Print(t.Context(), document)
	if want := "job 1 of printer label"; err != nil || got != want {
		t.Fatalf("Print: %q, %v, want %q", got, err, want)
	}
	want := fakeJob{document.Name, "application/pdf", string(document.Content), []state{9}}
	if got := *fake.jobs[0]; got.name != want.name || got.format != want.format || got.content != want.content {
		t.Errorf("the printer got %+v, want %+v", got, want)
	}
	if want := []uint16{printJob, getJobAttributes, getJobAttributes, getJobAttributes, getJobAttributes}; !slices.Equal(fake.asked, want) {
		t.Errorf("the printer was asked %#x, want %#x", fake.asked, want)
	}
}

// No connection is kept: it would hold two goroutines, and the printer may close it at any time.
func TestPrintLeavesNoConnection(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 3, 5, 9)
	opened, closed := make(chan struct{}, 100), make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(fake)
	defer server.Close()
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	printer, err := New(Options{Address: strings.Replace(server.URL, "http", "ipp", 1) + "/printers/label"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := printer.Print(t.Context(), document); err != nil {
		t.Fatalf("Print: %v", err)
	}
	if len(opened) != 1 {
		t.Errorf("Print opened %d connections, want one", len(opened))
	}
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Error("the connection is still open 30 s after Print has returned")
	}
}

// Printers refuse a format in one of two ways: CUPS in the first, printers by the reference implementation in the second.
func TestPrintTakesTheFirstFormatThatFits(t *testing.T) {
	t.Parallel()
	for _, status := range []uint16{0x040a, 0x040b} {
		fake := newFakePrinter(t, 9)
		fake.formats, fake.formatStatus = []string{"image/urf", "application/octet-stream"}, status
		several := document
		several.Formats = []string{"application/vnd.cups-raw", "application/octet-stream", "image/urf"}
		if _, err := fake.printer(t).Print(t.Context(), several); err != nil {
			t.Fatalf("Print where formats are refused with %#x: %v", status, err)
		}
		if len(fake.jobs) != 1 || fake.jobs[0].format != "application/octet-stream" {
			t.Errorf("the printer got %d jobs, want one as application/octet-stream", len(fake.jobs))
		}
		_, err := fake.printer(t).Print(t.Context(), document)
		if want := `: it takes none of ["application/pdf"]`; err == nil || !strings.HasSuffix(err.Error(), want) || verdictOf(err) != "permanent" {
			t.Errorf("Print of another format: %v, %s, want %q, permanent", err, verdictOf(err), want)
		}
	}
}

// A document that may have been sent is looked for by its name.
func TestPrintAgain(t *testing.T) {
	t.Parallel()
	other := fakeJob{name: "label-1-00000000.pdf", states: []state{9}}
	earlier := func(states ...state) fakeJob { return fakeJob{name: document.Name, states: states} }
	tests := map[string]struct {
		jobs  []fakeJob
		wants string
		sends int
	}{
		"none":                      {[]fakeJob{other}, "job 2", 1},
		"printed":                   {[]fakeJob{earlier(9), other}, "job 1", 0},
		"waiting":                   {[]fakeJob{other, earlier(3, 5, 9)}, "job 2", 0},
		"cancelled":                 {[]fakeJob{earlier(7)}, "job 2", 1},
		"failed while waited for":   {[]fakeJob{earlier(5, 5, 8)}, "job 2", 1},
		"cancelled, then printed":   {[]fakeJob{earlier(7), earlier(9)}, "job 2", 0},
		"printed, and waiting also": {[]fakeJob{earlier(9), earlier(3, 9)}, "job 2", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakePrinter(t, 9)
			for _, job := range test.jobs {
				fake.jobs = append(fake.jobs, &job)
			}
			again := document
			again.Again = true
			got, err := fake.printer(t).Print(t.Context(), again)
			if want := test.wants + " of printer label"; err != nil || got != want {
				t.Errorf("Print: %q, %v, want %q", got, err, want)
			}
			if sent := len(fake.jobs) - len(test.jobs); sent != test.sends {
				t.Errorf("the document was sent %d times, want %d", sent, test.sends)
			}
		})
	}
}

// A job may be done between the question for those that wait and the one for those that have ended.
func TestPrintAgainWhileTheEarlierJobEnds(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, completed)
	fake.jobs = []*fakeJob{{name: document.Name, states: []state{5}}}
	looks := 0
	fake.onAsk = func(operation uint16) {
		if operation != getJobs {
			return
		}
		if looks++; looks == 2 {
			fake.jobs[0].states = []state{completed}
		}
	}
	again := document
	again.Again = true
	got, err := fake.printer(t).Print(t.Context(), again)
	if want := "job 1 of printer label"; err != nil || got != want || len(fake.jobs) != 1 {
		t.Errorf("Print: %q, %v, and %d jobs, want %q alone", got, err, len(fake.jobs), want)
	}
}

func TestPrintNamesAJobWithLanguage(t *testing.T) {
	t.Parallel()
	response := message{groups: []group{{tag: tagJob, attributes: []attribute{
		integer("job-id", 7), integer("job-state", 9), text(tagNameLanguage, "job-name", "\x00\x02en\x00\x05label"),
	}}}}
	if jobs := jobsOf(response); len(jobs) != 1 || jobs[0].name != "label" {
		t.Errorf("the job's name is read as %+v, want label", jobs)
	}
	for _, data := range []string{"", "\x00", "\x00\x02en", "\x00\x02en\x00\x06label", "\x00\x02en\x00\x05labels", "\xff\xffen"} {
		if name, ok := withoutLanguage(data); ok {
			t.Errorf("withoutLanguage(%q) = %q, want none", data, name)
		}
	}
}

// What each answer to Print-Job is to the delivery, and how it reads.
func TestStatuses(t *testing.T) {
	t.Parallel()
	tests := map[uint16]struct {
		verdict string
		words   string
	}{
		0x0400: {"permanent", "does not understand the request (client-error-bad-request)"},
		0x0403: {"retry", "does not let us print (client-error-not-authorized)"},
		0x0406: {"retry", "there is no such printer: check its name in the address (client-error-not-found)"},
		0x040a: {"permanent", `cannot print this format (client-error-document-format-not-supported): it takes none of ["application/pdf"]`},
		0x0411: {"permanent", "cannot read the document (client-error-document-format-error)"},
		0x0506: {"retry", "takes no jobs now: see cupsaccept (server-error-not-accepting-jobs)"},
		0x0507: {"retry after", "is busy (server-error-busy)"},
		0x0777: {"retry", "status 0x0777"},
	}
	for status, test := range tests {
		fake := newFakePrinter(t, 9)
		fake.statuses[printJob] = []uint16{status}
		_, err := fake.printer(t).Print(t.Context(), document)
		if err == nil || !strings.HasPrefix(err.Error(), "printer label: ") || !strings.Contains(err.Error(), test.words) {
			t.Errorf("Print: %v, want printer label: ... %s", err, test.words)
		}
		if got := verdictOf(err); got != test.verdict {
			t.Errorf("Print: %v: is %q, want %q", err, got, test.verdict)
		}
	}
}

// What the end of a job is to the delivery.
func TestEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		end     state
		reason  string
		verdict string
		words   string
	}{
		{8, "aborted-by-system", "retry", "job 1 of printer label was given up by the printer (none, aborted-by-system)"},
		{8, "document-format-error", "permanent", "job 1 of printer label: the printer cannot print the document (none, document-format-error)"},
		{7, "job-canceled-by-user", "permanent", "job 1 of printer label was cancelled there (none, job-canceled-by-user)"},
	}
	for _, test := range tests {
		fake := newFakePrinter(t, 5, test.end)
		fake.jobReasons = []string{test.reason}
		_, err := fake.printer(t).Print(t.Context(), document)
		if err == nil || err.Error() != test.words || verdictOf(err) != test.verdict {
			t.Errorf("Print: %v, %s, want %s, %s", err, verdictOf(err), test.words, test.verdict)
		}
	}
}

// A printer that a person must see to: the job is taken back, and the error says what is wrong with the printer.
func TestPrinterOutOfPaper(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		state        state
		printer, job []string
		wants        string
	}{
		"no paper":   {6, []string{"toner-low-report", "media-empty-error"}, nil, "printer label is out of paper (media-empty-error)"},
		"both":       {6, []string{"cover-open", "media-jam"}, nil, "printer label has a paper jam (media-jam)"},
		"stopped":    {3, []string{"paused"}, []string{"printer-stopped"}, "printer label is stopped (paused)"},
		"held":       {4, []string{"none"}, []string{"job-hold-until-specified"}, "printer label holds the job for later"},
		"no reason":  {5, []string{"none"}, nil, "printer label has not printed it in time (processing)"},
		"report":     {5, []string{"media-empty-report"}, nil, "printer label has not printed it in time (processing)"},
		"is offline": {5, []string{"offline-report"}, nil, "printer label is offline (offline-report)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakePrinter(t, test.state)
			fake.printerReasons, fake.jobReasons = test.printer, test.job
			err := printUntilLookedAt(t, fake, consumers.ErrTimeout)
			if err == nil || !strings.HasPrefix(err.Error(), test.wants) || !strings.HasSuffix(err.Error(), ": job 1 was cancelled") ||
				verdictOf(err) != "retry" {
				t.Errorf("Print: %v, %s, want %s: job 1 was cancelled, retry", err, verdictOf(err), test.wants)
			}
			if got, want := fake.states(), []state{canceled}; !slices.Equal(got, want) {
				t.Errorf("the printer has jobs in the states %v, want %v", got, want)
			}
		})
	}
}

func TestPrinterSaysWhy(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 5)
	fake.says = "The printer may not exist." + strings.Repeat(" Who knows?", 100)
	err := printUntilLookedAt(t, fake, consumers.ErrTimeout)
	want := `printer label has not printed it in time (processing) and says "The printer may not exist. Who knows?`
	if err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 300 {
		t.Errorf("Print: %v, want %s, and that not whole", err, want)
	}
}

// printUntilLookedAt prints, and ends the context for the given cause when the job was looked at.
func printUntilLookedAt(t *testing.T, fake *fakePrinter, cause error) error {
	ctx, end := context.WithCancelCause(t.Context())
	defer end(nil)
	fake.onAsk = func(operation uint16) {
		if operation == getJobAttributes {
			end(cause)
		}
	}
	_, err := fake.printer(t).Print(ctx, document)
	return err
}

// A job whose delivery goes to somebody else, or comes again, stays: it is found by its name.
func TestPrintLeavesTheJobToTheNextDelivery(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{consumers.ErrShutdown, consumers.ErrLeaseLost} {
		fake := newFakePrinter(t, 5)
		err := printUntilLookedAt(t, fake, cause)
		if got, want := fmt.Sprint(err), "job 1 of printer label is left there for the next delivery"; got != want || verdictOf(err) != "retry" {
			t.Errorf("Print that ended for %v: %s, want %s", cause, got, want)
		}
		if got, want := fake.states(), []state{5}; !slices.Equal(got, want) {
			t.Errorf("the printer has jobs in the states %v, want %v", got, want)
		}
	}
}

// A job that was printed just when it was to be cancelled is printed.
func TestCancelledTooLate(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 5)
	fake.statuses[cancelJob] = []uint16{0x0404}
	ctx, end := context.WithCancelCause(t.Context())
	defer end(nil)
	fake.onAsk = func(operation uint16) {
		fake.mutex.Lock()
		defer fake.mutex.Unlock()
		switch operation {
		case getJobAttributes:
			end(consumers.ErrTimeout)
		case cancelJob:
			fake.jobs[0].states = []state{9}
		}
	}
	if got, err := fake.printer(t).Print(ctx, document); err != nil || got != "job 1 of printer label" {
		t.Errorf("Print: %q, %v, want job 1, which was printed", got, err)
	}
}

func TestCancelRefused(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 5)
	fake.statuses[cancelJob] = []uint16{0x0403}
	err := printUntilLookedAt(t, fake, consumers.ErrTimeout)
	if want := "job 1 could not be cancelled: printer label: it does not let us print"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Print: %v, want %q", err, want)
	}
}

func TestJobIsForgotten(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 5)
	fake.statuses[getJobAttributes] = []uint16{0, 0x0406}
	_, err := fake.printer(t).Print(t.Context(), document)
	if want := "it no longer knows job 1"; err == nil || !strings.Contains(err.Error(), want) || verdictOf(err) != "permanent" {
		t.Errorf("Print: %v, %s, want a permanent error that says %q", err, verdictOf(err), want)
	}
}

// Answers that are no IPP, or not to the point.
func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	good := message{major: 1, id: 1, groups: []group{{tag: tagJob, attributes: []attribute{
		integer("job-id", 1), integer("job-state", 9),
	}}}}
	with := func(change func(*message)) string {
		changed := good
		change(&changed)
		return string(changed.encode())
	}
	tests := map[string]struct {
		status  int
		body    string
		verdict string
		words   string
	}{
		"good":             {200, with(func(*message) {}), "", ""},
		"empty":            {200, "", "retry", "its answer is no IPP: it is cut off"},
		"a web page":       {200, "<html><body>Welcome</body></html>", "retry", "its answer is no IPP: it is of version 60.104"},
		"too large":        {200, strings.Repeat("\x01", maxResponse+1), "retry", "its answer is no IPP: it has more than 4194304 bytes"},
		"another request":  {200, with(func(m *message) { m.id = 2 }), "retry", "its answer is to another request"},
		"no job":           {200, with(func(m *message) { m.groups = nil }), "retry", "did not say as which job"},
		"wants a password": {401, "", "retry", "HTTP 401 Unauthorized: it does not let us print"},
		"no such path":     {404, "", "retry", "HTTP 404 Not Found: there is no such printer"},
		"wants TLS":        {426, "", "retry", "HTTP 426 Upgrade Required: it wants TLS: begin the address with ipps://"},
		"too much":         {413, "", "permanent", "HTTP 413 Request Entity Too Large"},
		"overrun":          {503, "", "retry after", "HTTP 503 Service Unavailable"},
		"broken":           {500, "", "retry", "HTTP 500 Internal Server Error"},
		"goes elsewhere":   {302, "", "retry", "HTTP 302 Found"},
	}
	for name, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
			writer.Header().Set("Location", "/elsewhere")
			writer.WriteHeader(test.status)
			_, _ = writer.Write([]byte(test.body))
		}))
		printer, err := New(Options{Address: strings.Replace(server.URL, "http", "ipp", 1) + "/ipp/print"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = printer.Print(t.Context(), document)
		if verdictOf(err) != test.verdict || err != nil && !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: Print: %v, %q, want %q, %q", name, err, verdictOf(err), test.words, test.verdict)
		}
		server.Close()
	}
}

func TestPrinterThatIsNotThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	printer, err := New(Options{Address: "ipp://" + address + "/ipp/print"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = printer.Print(t.Context(), document)
	if want := "printer 127.0.0.1: dial tcp " + address + ": connect: connection refused"; err == nil || err.Error() != want || verdictOf(err) != "retry" {
		t.Errorf("Print: %v, %s, want %q, retry", err, verdictOf(err), want)
	}
}

// A printer that takes the connection and says nothing is given up when the time is over.
func TestSilentPrinter(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	printer, err := New(Options{Address: "ipp://" + listener.Addr().String() + "/ipp/print"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, consumers.ErrTimeout)
	defer stop()
	if _, err = printer.Print(ctx, document); !errors.Is(err, consumers.ErrTimeout) {
		t.Errorf("Print: %v, want %v", err, consumers.ErrTimeout)
	}
}

func TestPrintOverTLS(t *testing.T) {
	t.Parallel()
	fake := newFakePrinter(t, 9)
	server := httptest.NewTLSServer(fake)
	defer server.Close()
	server.Config.ErrorLog = nil
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.Replace(server.URL, "https", "ipps", 1) + "/printers/label"
	for authorities, want := range map[string]string{file: "", "": "certificate signed by unknown authority: name the authority"} {
		printer, err := New(Options{Address: address, CAFile: authorities})
		if err != nil {
			t.Fatal(err)
		}
		_, err = printer.Print(t.Context(), document)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Print with ca_file %q: %v, want %q", authorities, err, want)
		}
	}
}

func TestNewNamesTheOption(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, options := range map[string]Options{
		"printer: expected an address that begins ipp:// or ipps://": {Address: "http://a/b"},
		"printer: expected a host":                                   {Address: "ipp:///printers/label"},
		"printer: expected the printer's path":                       {Address: "ipp://cups:631/"},
		"printer: expected an address without a user":                {Address: "ipp://me:secret@cups/printers/label"},
		"printer: expected an address that ends with the path":       {Address: "ipp://cups/printers/label?x"},
		"printer: expected a port from 1 to 65535, got \"70000\"":    {Address: "ipp://cups:70000/printers/label"},
		"printer: expected a printer's address":                      {Address: "ipp://cups:secret/\x7f"},
		"ca_file: expected none":                                     {Address: "ipp://cups/a", CAFile: file},
		"ca_file: open ":                                             {Address: "ipps://cups/a", CAFile: file + "x"},
		"ca_file: " + file + ": expected certificates in PEM form":   {Address: "ipps://cups/a", CAFile: file},
	} {
		_, err := New(options)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%+v): %v, want an error that begins %q", options, err, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"ipp://10.0.0.5/ipp/print":         {"http://10.0.0.5:631/ipp/print", "10.0.0.5"},
		"ipp://cups:6310/printers/label":   {"http://cups:6310/printers/label", "label"},
		"ipps://[2001:db8::1]/printers/A4": {"https://[2001:db8::1]:631/printers/A4", "A4"},
	} {
		got, err := ParseAddress(text)
		if err != nil || got.endpoint != want[0] || got.name != want[1] || got.uri != text {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %q", text, got, err, want)
		}
	}
}

// verdictOf is what an error is to a delivery: what marks it is not exported, but has a type.
func verdictOf(err error) string {
	if err == nil {
		return ""
	}
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		switch fmt.Sprintf("%T", wrapped) {
		case fmt.Sprintf("%T", consumers.Permanent(err)):
			return "permanent"
		case fmt.Sprintf("%T", consumers.RetryAfter(0, err)):
			return "retry after"
		}
	}
	return "retry"
}
