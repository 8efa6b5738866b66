package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/notify"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// customerOrder is an order with everything that the confirmation shows.
const customerOrder = `{"order_id":12345,"currency":"CNY","total":"59.90",
	"customer":{"name":"王小明, <script>","email":"wang@example.com"},
	"address":"长安街1号\n北京市","items":[{"product_id":1,"quantity":2,"title":"手冲壶 & 滤纸","unit_price":"29.95"}]}`

// shop is a handler and the server in memory where it notes what it sent.
type shop struct {
	*testing.T
	redis   *redis.Client
	handler consumers.Handler
}

// newShop makes a handler that mails through the server at address.
func newShop(t *testing.T, address string, change func(o *notify.Options)) shop {
	t.Helper()
	client := redistest.Memory(t).Client()
	return shopOn(t, client, address, change)
}

func shopOn(t *testing.T, client *redis.Client, address string, change func(o *notify.Options)) shop {
	t.Helper()
	options := notify.Options{Redis: client, SMTP: "smtp://" + address, From: "Mühlen-Laden <shop@example.com>"}
	if change != nil {
		change(&options)
	}
	handler, err := notify.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.(io.Closer).Close() })
	return shop{T: t, redis: client, handler: handler}
}

func newDelivery(id, data string) *consumers.Delivery {
	return &consumers.Delivery{Group: "send_confirmation", Deliveries: 1, Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED", ID: id, Data: []byte(data), Time: time.UnixMilli(1763700000000),
	}}
}

func (s shop) send(id, data string) (string, error) {
	delivery := newDelivery(id, data)
	err := s.handler.Handle(s.Context(), delivery)
	return string(delivery.Result), err
}

// isPermanent looks at the type's name, since only the package consumers can look into it.
func isPermanent(err error) bool { return fmt.Sprintf("%T", err) == "*consumers.permanentError" }

// parsed is a mail as a reader sees it.
type parsed struct {
	header      mail.Header
	text, html  string
	attachments map[string]string
}

func parse(t *testing.T, content string) parsed {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("parse the mail: %v\n%s", err, content)
	}
	read := parsed{header: message.Header, attachments: map[string]string{}}
	read.part(t, message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), "", message.Body)
	return read
}

func (p *parsed) part(t *testing.T, contentType, encoding, disposition string, body io.Reader) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("content type %q: %v", contentType, err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for part, err := parts.NextRawPart(); !errors.Is(err, io.EOF); part, err = parts.NextRawPart() {
			if err != nil {
				t.Fatal(err)
			}
			p.part(t, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"),
				part.Header.Get("Content-Disposition"), part)
		}
		return
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, file, err := mime.ParseMediaType(disposition); err == nil {
		p.attachments[file["filename"]] = string(content)
	} else if kind == "text/html" {
		p.html = string(content)
	} else {
		p.text = string(content)
	}
}

func (p parsed) subject(t *testing.T) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

func (p parsed) address(t *testing.T, header string) string {
	t.Helper()
	addresses, err := p.header.AddressList(header)
	if err != nil || len(addresses) != 1 {
		t.Fatalf("%s: got %v, %v, want one address", header, addresses, err)
	}
	return addresses[0].Name + "|" + addresses[0].Address
}

func TestConfirmationOfAnOrder(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	result, err := s.send("order-12345", customerOrder)
	if err != nil || len(office.letters()) != 1 {
		t.Fatalf("got %v and %d mails, want one", err, len(office.letters()))
	}
	letter := office.letters()[0]
	if letter.from != "shop@example.com" || len(letter.to) != 1 || letter.to[0] != "wang@example.com" || letter.utf8 {
		t.Errorf("envelope: got %q, %q, %v, want plain addresses without SMTPUTF8", letter.from, letter.to, letter.utf8)
	}
	read := parse(t, letter.content)
	for what, pair := range map[string][2]string{
		"subject":    {read.subject(t), "Your order 12345"},
		"from":       {read.address(t, "From"), "Mühlen-Laden|shop@example.com"},
		"to":         {read.address(t, "To"), "王小明, <script>|wang@example.com"},
		"message ID": {read.header.Get("Message-ID"), result},
		"machine":    {read.header.Get("Auto-Submitted"), "auto-generated"},
		"program":    {read.header.Get("User-Agent") + read.header.Get("X-Mailer"), ""},
		"marker":     {s.redis.Get(t.Context(), "{mail}:sent:send_confirmation:NEW_ORDER_RECEIVED:order-12345").Val(), result},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
	for _, want := range []string{"Dear 王小明, <script>", "2 x 手冲壶 & 滤纸, 29.95 each", "Total: 59.90 CNY", "长安街1号", "北京市"} {
		if !strings.Contains(read.text, want) {
			t.Errorf("the text lacks %q:\n%s", want, read.text)
		}
	}
	for _, want := range []string{"王小明, &lt;script&gt;", "手冲壶 &amp; 滤纸", "59.90 CNY"} {
		if !strings.Contains(read.html, want) {
			t.Errorf("the HTML lacks %q:\n%s", want, read.html)
		}
	}
	if !regexp.MustCompile(`^<[0-9a-f]{32}@example\.com>$`).MatchString(result) {
		t.Errorf("result: got %q, want a Message-ID", result)
	}
}

// TestAnotherParserReadsTheSame asks Python's parser of mails.
func TestAnotherParserReadsTheSame(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip("python3 is not installed")
	}
	office := &postOffice{}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "发票.pdf"), []byte("%PDF-1.4 中"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShop(t, openPostOffice(t, office, nil), func(o *notify.Options) {
		o.Subject, o.AttachDir, o.Attach = "您的订单 {{.Order.Number}} 已确认 "+strings.Repeat("长", 100), directory, []string{"发票.pdf"}
	})
	if _, err := s.send("1", customerOrder); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
out = [m["subject"], m["to"].addresses[0].display_name, m["to"].addresses[0].addr_spec, m["from"].addresses[0].display_name]
out += [str(len(m.defects)), m["message-id"]]
out += [a.get_filename() + ":" + a.get_content_type() + ":" + a.get_content().decode() for a in m.iter_attachments()]
out += [str("手冲壶 & 滤纸" in m.get_body(("plain",)).get_content()), str("手冲壶 &amp; 滤纸" in m.get_body(("html",)).get_content())]
sys.stdout.buffer.write("\n".join(out).encode())
`
	command := exec.CommandContext(t.Context(), python, "-c", script)
	command.Stdin = strings.NewReader(office.letters()[0].content)
	got, err := command.CombinedOutput()
	id := parse(t, office.letters()[0].content).header.Get("Message-ID")
	want := "您的订单 12345 已确认 " + strings.Repeat("长", 100) + "\n王小明, <script>\nwang@example.com\nMühlen-Laden\n0\n" + id +
		"\n发票.pdf:application/pdf:%PDF-1.4 中\nTrue\nTrue"
	if err != nil || string(got) != want {
		t.Errorf("python3 read %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestOneMailPerEvent(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		parsed, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(parsed)
		t.Cleanup(func() { _ = client.Close() })
		office := &postOffice{}
		s := shopOn(t, client, openPostOffice(t, office, nil), nil)
		first, err := s.send("1", customerOrder)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // the process died before the ack; the data does not matter any more
			if again, err := s.send("1", `{}`); err != nil || again != first {
				t.Errorf("delivered again: got %q, %v, want %q", again, err, first)
			}
		}
		if other, err := s.send("2", customerOrder); err != nil || other == first {
			t.Errorf("another event: got %q, %v, want an ID of its own", other, err)
		}
		if got := len(office.letters()); got != 2 {
			t.Errorf("got %d mails, want one for each of 2 events", got)
		}
		left := client.PTTL(t.Context(), "{mail}:sent:send_confirmation:NEW_ORDER_RECEIVED:1").Val()
		if left > notify.DefaultKeep || left < notify.DefaultKeep-time.Minute {
			t.Errorf("the marker is kept for %v, want %v", left, notify.DefaultKeep)
		}
	})
}

func TestOneEventDeliveredTwentyTimesAtOnce(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			if _, err := s.send("1", customerOrder); err != nil && (isPermanent(err) || !strings.Contains(err.Error(), "another delivery")) {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if got := len(office.letters()); got != 1 {
		t.Errorf("got %d mails, want 1", got)
	}
}

// loseScript lets one of the kind's two scripts be lost, as a killed process or a Redis that is gone would.
type loseScript struct {
	text string
	err  error
}

func (l *loseScript) DialHook(next redis.DialHook) redis.DialHook { return next }

func (l *loseScript) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l *loseScript) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		args := command.Args()
		if l.err != nil && len(args) > 1 && (args[1] == redis.NewScript(l.text).Hash() || args[1] == l.text) {
			command.SetErr(l.err)
			return l.err
		}
		return next(ctx, command)
	}
}

// TestKilledBetweenTheServersAnswerAndTheMarker shows the one moment in which a second mail is sent, and that it carries
// the Message-ID of the first.
func TestKilledBetweenTheServersAnswerAndTheMarker(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	address := openPostOffice(t, office, nil)
	s := newShop(t, address, nil)
	const key = "{mail}:sent:send_confirmation:NEW_ORDER_RECEIVED:1"
	lost := &loseScript{text: notify.ScriptTexts()[1], err: errors.New("killed")}
	s.redis.AddHook(lost)
	if _, err := s.send("1", customerOrder); err != nil {
		t.Errorf("sent and not noted: got %v, want success, for an error would send it again", err)
	}
	lost.err = nil
	if held := s.redis.Get(t.Context(), key).Val(); !strings.HasPrefix(held, "sending ") {
		t.Fatalf("marker: got %q, want a claim that is left over", held)
	}
	_, err := s.send("1", customerOrder)
	if got := fmt.Sprintf("%T", err); got != "*consumers.retryError" || len(office.letters()) != 1 {
		t.Errorf("while the claim lasts: got %v and %d mails, want one and another try", err, len(office.letters()))
	}
	if left := s.redis.PTTL(t.Context(), key).Val(); left <= 0 || left > 3*time.Minute {
		t.Errorf("the claim lasts for %v, want at most minutes", left)
	}
	s.redis.Del(t.Context(), key) // its time has passed
	if _, err := s.send("1", customerOrder); err != nil {
		t.Error(err)
	}
	letters := office.letters()
	if len(letters) != 2 {
		t.Fatalf("got %d mails, want 2", len(letters))
	}
	one, two := parse(t, letters[0].content).header.Get("Message-ID"), parse(t, letters[1].content).header.Get("Message-ID")
	if one == "" || one != two {
		t.Errorf("the Message-IDs are %q and %q, want the same", one, two)
	}
}

func TestNothingIsSentWithoutRedis(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	s.redis.AddHook(&loseScript{text: notify.ScriptTexts()[0], err: errors.New("no memory")})
	if _, err := s.send("1", customerOrder); err == nil || isPermanent(err) || len(office.letters()) > 0 {
		t.Errorf("got %v and %d mails, want an error that is retried and none", err, len(office.letters()))
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	address := openPostOffice(t, office, nil)
	s := newShop(t, address, func(o *notify.Options) {
		o.To = []string{"{{address .Data.name .Data.email}}", "stock@example.com"}
		o.Subject = "  {{.Event}}\r\nBcc: evil@example.com {{.Data.name}} \t "
		o.Text = "{{.EventID}} {{.Data.n}} {{.Shipment.Carrier}} {{.Time.Unix}}"
	})
	data := `{"name":"A \"B\" <c@example.com>, d","email":"ada@example.com","n":12345678901234567890,"carrier":"DHL"}`
	if _, err := s.send("e1", data); err != nil {
		t.Fatal(err)
	}
	letter := office.letters()[0]
	if got := strings.Join(letter.to, " "); got != "ada@example.com stock@example.com" {
		t.Errorf("recipients: got %q, want those of the templates alone", got)
	}
	read := parse(t, letter.content)
	if got, want := read.subject(t), `NEW_ORDER_RECEIVED Bcc: evil@example.com A "B" <c@example.com>, d`; got != want {
		t.Errorf("subject: got %q, want %q", got, want)
	}
	if read.header.Get("Bcc") != "" {
		t.Error("the subject has made a header of its own")
	}
	if got, want := strings.TrimSpace(read.text), "e1 12345678901234567890 DHL 1763700000"; got != want || read.html != "" {
		t.Errorf("text: got %q and HTML %q, want %q alone", got, read.html, want)
	}
}

func TestEventsThatMakeNoMail(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	address := openPostOffice(t, office, nil)
	set := func(change func(o *notify.Options)) shop { return newShop(t, address, change) }
	to := func(template string) shop { return set(func(o *notify.Options) { o.To = []string{template} }) }
	const noAddress = "expected one e-mail address, such as Ada <ada@example.com>"
	tests := map[string]struct {
		shop shop
		data string
		want string
	}{
		"no e-mail": {
			set(nil), `{"order_id":1}`, "the event has no e-mail of the customer: expected customer.email or customer_email in its data, " +
				"or another place for it in `to`",
		},
		"no order":        {set(nil), `[1]`, "the customer's e-mail: not a valid order: expected a JSON object, got a list; was it encoded twice?"},
		"no address":      {set(nil), `{"email":"secret person"}`, "the customer's e-mail: " + noAddress},
		"two addresses":   {set(nil), `{"email":"a@example.com, secret@example.com"}`, "the customer's e-mail: " + noAddress},
		"a quoted one":    {set(nil), `{"email":"\"a> NOTIFY=NEVER\"@example.com"}`, "the customer's e-mail: " + noAddress},
		"a line break":    {set(nil), `{"email":"a@example.com\r\nBcc: secret@example.com"}`, "the customer's e-mail: a line break or another control character stands in the address"},
		"a missing field": {to("{{.Data.customer.email}}"), `{"customer":{}}`, `the mail's to: line 1: {{.Data.customer.email}}: the event has no "email"`},
		"two in one":      {to("{{.Data.to}}"), `{"to":"a@example.com,b@example.com"}`, "the mail's to: " + noAddress},
		"no JSON":         {to("{{.Data.to}}"), `Array`, "the mail's to: line 1: {{.Data.to}}: error calling Data: the event's data is no JSON"},
		"a missing field in the subject": {
			set(func(o *notify.Options) { o.Subject = "Your parcel\n{{.Data.parcel}}" }), `{"email":"a@example.com"}`,
			`the mail's subject: line 2: {{.Data.parcel}}: the event has no "parcel"`,
		},
		"an empty subject": {
			set(func(o *notify.Options) { o.Subject = "{{.Data.subject}}" }), `{"email":"a@example.com","subject":" \n"}`,
			"the mail's subject: it is empty",
		},
		"a missing field in the HTML": {
			set(func(o *notify.Options) { o.HTML = "<p>{{.Data.parcel}}</p>" }), `{"email":"a@example.com"}`,
			`the mail's html: line 1: {{.Data.parcel}}: the event has no "parcel"`,
		},
		"a text in place of a list": {
			set(func(o *notify.Options) { o.Text = "{{range .Data.l}}{{end}}" }), `{"email":"a@example.com","l":"hidden>: hidden"}`,
			"the mail's text: line 1: {{.Data.l}}: what it ranges over is no list",
		},
		"a text that is far too large": {
			set(func(o *notify.Options) { o.Text = "{{range .Data.l}}{{range $.Data.l}}{{$.Data.l}}{{end}}{{end}}" }),
			`{"email":"a@example.com","l":[` + strings.Repeat("1,", 1000) + `1]}`, "the mail's text: it became larger than 5 MiB",
		},
	}
	for name, test := range tests {
		_, err := test.shop.send(name, test.data)
		if !isPermanent(err) || err.Error() != test.want {
			t.Errorf("%s:\n got %v (permanent %v)\nwant %s", name, err, isPermanent(err), test.want)
		}
		if keys := test.shop.redis.Keys(t.Context(), "*").Val(); len(keys) > 0 {
			t.Errorf("%s: keys %q are left, want none", name, keys)
		}
	}
	if got := len(office.letters()); got != 0 {
		t.Errorf("got %d mails, want none", got)
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	address := openPostOffice(t, office, nil)
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(filepath.Dir(directory), "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(directory, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, permanent := range map[string]bool{
		"../secret": true, "/etc/passwd": true, "folder": true, "../" + strings.Repeat("x", 5000): true, strings.Repeat("x", 5000): true, "link": false, "missing.pdf": false, "{{.Data.x}}": true,
	} {
		s := newShop(t, address, func(o *notify.Options) { o.AttachDir, o.Attach = directory, []string{path} })
		_, err := s.send("1", customerOrder)
		if err == nil || isPermanent(err) != permanent || len(err.Error()) > 400 {
			t.Errorf("%.100s: got %v (permanent %v), want a short error and %v", path, err, isPermanent(err), permanent)
		}
	}
	s := newShop(t, address, func(o *notify.Options) {
		o.AttachDir, o.Attach = directory, []string{`{{.Printed "workorder" "print_work_order"}}`, "{{if false}}x{{end}}"}
	})
	_, err := s.send("1", customerOrder)
	if err == nil || isPermanent(err) || !strings.Contains(err.Error(), "is not there (yet)") {
		t.Errorf("before it was printed: got %v, want another try", err)
	}
	name := paper.FileName("workorder", "12345", paper.PDF, "print_work_order", "NEW_ORDER_RECEIVED", "1")
	if err := os.WriteFile(filepath.Join(directory, name), []byte("%PDF-1.4"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.send("1", customerOrder); err != nil {
		t.Fatal(err)
	}
	attached := parse(t, office.letters()[0].content).attachments
	if len(attached) != 1 || attached[name] == "" {
		t.Errorf("attachments: got %q, want %s", attached, name)
	}
	large := filepath.Join(directory, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, 1<<30)); err != nil {
		t.Fatal(err)
	}
	s = newShop(t, address, func(o *notify.Options) { o.AttachDir, o.Attach = directory, []string{"large"} })
	if _, err := s.send("1", customerOrder); !isPermanent(err) || err.Error() != "the mail's attachments are larger than 18 MiB" {
		t.Errorf("a large one: got %v, want a permanent error", err)
	}
}

func TestUTF8Addresses(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), func(o *notify.Options) { o.From = "店 <店@例子.广告>" })
	result, err := s.send("1", `{"order_id":1,"customer":{"name":"王","email":"用户@例子.广告"}}`)
	if err != nil {
		t.Fatal(err)
	}
	letter := office.letters()[0]
	if !letter.utf8 || letter.to[0] != "用户@例子.广告" || letter.from != "店@例子.广告" {
		t.Errorf("envelope: got %q, %q, %v, want the addresses and SMTPUTF8", letter.from, letter.to, letter.utf8)
	}
	if got := parse(t, letter.content).address(t, "To"); got != "王|用户@例子.广告" {
		t.Errorf("to: got %q", got)
	}
	if strings.ContainsFunc(result, func(char rune) bool { return char > 0x7f }) {
		t.Errorf("Message-ID: got %q, want ASCII", result)
	}
}

func TestRunsOnTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	parsed, err := redis.ParseURL(redistest.StartEmbedded(t, notify.ScriptTexts()))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(parsed)
	t.Cleanup(func() { _ = client.Close() })
	office := &postOffice{rcpt: func(string) error { return refusal(451, "later") }}
	s := shopOn(t, client, openPostOffice(t, office, nil), nil)
	if _, err := s.send("1", customerOrder); err == nil {
		t.Error("a recipient that is refused: got success")
	}
	s = shopOn(t, client, openPostOffice(t, &postOffice{}, nil), nil)
	if result, err := s.send("1", customerOrder); err != nil || result == "" {
		t.Errorf("got %q, %v, want a Message-ID", result, err)
	}
}

// TestLostReplyOfTheClaim sends all the same: Redis has carried the script out, and the client asks once more.
func TestLostReplyOfTheClaim(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	s.redis.AddHook(&askTwice{text: notify.ScriptTexts()[0]})
	if _, err := s.send("1", customerOrder); err != nil || len(office.letters()) != 1 {
		t.Errorf("got %v and %d mails, want one", err, len(office.letters()))
	}
}

// askTwice carries a script out twice, as a client does that has lost the first reply.
type askTwice struct {
	loseScript
	text string
}

func (a *askTwice) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if args := command.Args(); len(args) > 1 && (args[1] == redis.NewScript(a.text).Hash() || args[1] == a.text) {
			if err := next(ctx, command); err != nil {
				return err
			}
		}
		return next(ctx, command)
	}
}

// TestDeliveriesThatOverlap lets one delivery begin while another has not heard from the server yet.
func TestDeliveriesThatOverlap(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan struct{}), make(chan struct{})
	office := &postOffice{data: func([]byte) error {
		close(arrived)
		<-answer
		return nil
	}}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	first := make(chan error, 1)
	go func() {
		_, err := s.send("1", customerOrder)
		first <- err
	}()
	<-arrived
	_, err := s.send("1", customerOrder)
	if got := fmt.Sprintf("%T", err); got != "*consumers.retryError" {
		t.Errorf("while the first is at it: got %s %v, want another try", got, err)
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := s.send("1", customerOrder); err != nil || len(office.letters()) != 1 {
		t.Errorf("afterwards: got %v and %d mails, want success and one", err, len(office.letters()))
	}
}

// TestAnotherDeliverysClaimIsLeftAlone fails after its own claim has passed and another delivery has begun.
func TestAnotherDeliverysClaimIsLeftAlone(t *testing.T) {
	t.Parallel()
	const key = "{mail}:sent:send_confirmation:NEW_ORDER_RECEIVED:1"
	client := redistest.Memory(t).Client()
	office := &postOffice{data: func([]byte) error {
		return errors.Join(client.Set(context.Background(), key, "sending other", 0).Err(), refusal(451, "later"))
	}}
	s := shopOn(t, client, openPostOffice(t, office, nil), nil)
	if _, err := s.send("1", customerOrder); err == nil {
		t.Error("a message that is refused: got success")
	}
	if got := client.Get(t.Context(), key).Val(); got != "sending other" {
		t.Errorf("marker: got %q, want the other delivery's claim", got)
	}
}

func TestNamesStayOneLine(t *testing.T) {
	t.Parallel()
	office := &postOffice{}
	s := newShop(t, openPostOffice(t, office, nil), nil)
	if _, err := s.send("1", `{"order_id":1,"customer":{"name":"Ada\r\nBcc: evil@example.com\u0000","email":"ada@example.com"}}`); err != nil {
		t.Fatal(err)
	}
	read := parse(t, office.letters()[0].content)
	if got, want := read.address(t, "To"), "Ada Bcc: evil@example.com|ada@example.com"; got != want || read.header.Get("Bcc") != "" {
		t.Errorf("to: got %q, want %q and no other header", got, want)
	}
}

// TestNamesOfTemplatesStayOneLine has a name whose line break is encoded, as RFC 2047 has it: a reader that decodes it, and
// writes the header anew, would make two of it.
func TestNamesOfTemplatesStayOneLine(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{
		"encoded":   "=?utf-8?q?Ada=0D=0ABcc=3A_evil=40example.com?= <ada@example.com>",
		"formatted": `{{address .Data.name "ada@example.com"}}`,
	} {
		office := &postOffice{}
		s := newShop(t, openPostOffice(t, office, nil), func(o *notify.Options) { o.To = []string{to} })
		if _, err := s.send("1", `{"name":"Ada\r\nBcc: evil@example.com"}`); err != nil {
			t.Fatal(err)
		}
		read := parse(t, office.letters()[0].content)
		if got, want := read.address(t, "To"), "Ada Bcc: evil@example.com|ada@example.com"; got != want {
			t.Errorf("%s: to: got %q, want %q", name, got, want)
		}
	}
}
