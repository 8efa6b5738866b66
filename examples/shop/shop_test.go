// Package shop_test runs the shop of this directory as its owner would: the program itself, a real Redis, real PHP, and
// servers of the test's own where a shop has printers and a mail server.
package shop_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/paper/papertest"
)

// TestOneOrder has one order, placed by PHP, go through every handler of handlers.yaml, with printers and PHP-FPM in place of
// what stands there for trying out.
func TestOneOrder(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	needPHP(t)
	office := openPostOffice(t)
	table, labels := papertest.StartSink(t), papertest.StartSink(t)
	cups := papertest.StartCUPS(t)
	php := startFPM(t, "env[REDIS_HOST] = 127.0.0.1", "env[REDIS_PORT] = "+s.port())
	text := read(t, "handlers.yaml")
	text = uncomment(t, text, "packing_table")
	text = uncomment(t, text, "loyalty_points")
	s.configure(text,
		"smtp://127.0.0.1:1025", "smtp://"+office.address,
		"socket://10.0.0.6:9100", "socket://"+table.Address(),
		"      dir: printed\n      # printer: ipp://10.0.0.5/ipp/print\n", "      printer: "+cups.Add("label", labels.Address(), "raw")+"\n",
		"unix:/run/php/php8.2-fpm.sock", "unix:"+php.socket,
		"/srv/shop/loyalty_points.php", absolute(t, "../php/loyalty_points.php"),
	)
	s.stock("1", 100, "2", 50)
	service := s.start()

	placed := s.php("place_order.php", "12345")
	s.untilDrained(time.Minute)
	s.php("ship_order.php", "12345", "SF1234567890123")
	s.untilDrained(time.Minute)
	s.noDeadLetters()

	checkLabel(t, labels.Next(t.Context(), t))
	workOrder := checkWorkOrder(t, s)
	if packing := table.Next(t.Context(), t); !bytes.Equal(packing, workOrder) {
		t.Error("the packing table got another page than the file that print_work_order made")
	}
	if again := table.Waiting() + labels.Waiting(); again != 0 {
		t.Errorf("%d documents were printed twice", again)
	}
	checkMails(t, office.letters(), workOrder)
	checkStock(t, s, placed)
	checkTracking(t, s)
	checkResults(t, s, placed)
	service.terminate(t)
}

// TestTooFewInStock has handlers.yaml as it stands, but for the mail server's address, see to an order that cannot be filled.
func TestTooFewInStock(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	needPHP(t)
	office := openPostOffice(t)
	s.configure(read(t, "handlers.yaml"), "smtp://127.0.0.1:1025", "smtp://"+office.address)
	s.stock("1", 1, "2", 50)
	service := s.start()
	s.php("place_order.php", "12346")
	s.untilDrained(time.Minute)
	if got, want := s.followUps("INVENTORY_FAILED"), 1; len(got) != want {
		t.Errorf("INVENTORY_FAILED: got %d events, want %d", len(got), want)
	}
	if got := s.redis.CLI("HGETALL", "stock"); got != "1\n1\n2\n50" {
		t.Errorf("stock: got %q, want it untouched", got)
	}
	var told []string
	for _, letter := range office.letters() {
		if mail := parseMail(t, letter.content); slices.Equal(letter.to, []string{"purchasing@kettle.example"}) {
			told = append(told, mail.subject+": "+mail.text)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "12346") || !strings.Contains(told[0], "wanted 2, available 1") {
		t.Errorf("purchasing was told %q, want once which product is missing", told)
	}
	service.terminate(t)
}

// TestReadme keeps the README's picture in step with the handlers file.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, names := read(t, "README.md"), regexp.MustCompile(`(?m)^  (\w+):$`).FindAllStringSubmatch(read(t, "handlers.yaml"), -1)
	if len(names) != 7 {
		t.Errorf("handlers.yaml has %d handlers, want 7", len(names))
	}
	for _, name := range names {
		if !strings.Contains(readme, "- "+name[1]+" ") {
			t.Errorf("README.md does not show the handler %s", name[1])
		}
	}
}

// checkLabel reads a label as a barcode reader and a person do.
func checkLabel(t *testing.T, label []byte) {
	t.Helper()
	if scanned := papertest.Scan(t, label, 1); !slices.Equal(scanned, []string{"CODE-128:12345"}) {
		t.Errorf("a barcode reader finds %q on the label, want the order's number as Code 128", scanned)
	}
	wantText(t, "the label", papertest.Text(t, label), "王小明", "文三路138号东方大厦1203室", "浙江省", "西湖区", "310012", "茶壶店 Kettle Shop")
}

// checkWorkOrder reads the one work order that was made a file, and returns it.
func checkWorkOrder(t *testing.T, s *shop) []byte {
	t.Helper()
	files := s.files("*")
	if len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "workorder-12345-") {
		t.Fatalf("printed holds %q, want one work order", files)
	}
	workOrder := []byte(read(t, files[0]))
	if scanned := papertest.Scan(t, workOrder, 1); !slices.Contains(scanned, "QR-Code:12345") {
		t.Errorf("a barcode reader finds %q on the work order, want the order's number as a QR code", scanned)
	}
	wantText(t, "the work order", papertest.Text(t, workOrder), "紫砂茶壶", "西湖龙井 100g", "POT-250", "请在工作日送货")
	return workOrder
}

// checkMails reads the mails as the customer's program does.
func checkMails(t *testing.T, letters []letter, workOrder []byte) {
	t.Helper()
	if len(letters) != 2 {
		t.Fatalf("the customer got %d mails, want a confirmation and one when it was shipped", len(letters))
	}
	confirmation, shipped := parseMail(t, letters[0].content), parseMail(t, letters[1].content)
	for _, mail := range []parsed{confirmation, shipped} {
		if mail.to != "xiaoming@example.com" || mail.from != "茶壶店 Kettle Shop" {
			t.Errorf("a mail is from %q to %q, want it from the shop to the customer", mail.from, mail.to)
		}
		if !strings.HasSuffix(mail.id, "@kettle.example>") || confirmation.id == shipped.id {
			t.Errorf("the Message-IDs are %q and %q, want two of kettle.example", confirmation.id, shipped.id)
		}
	}
	if confirmation.subject != "您的订单 Your order 12345" || shipped.subject != "订单已发货 Order 12345 is on its way" {
		t.Errorf("the subjects are %q and %q", confirmation.subject, shipped.subject)
	}
	wantText(t, "the confirmation", confirmation.text, "王小明", "紫砂茶壶", "624.00 CNY")
	wantText(t, "the confirmation's HTML", confirmation.html, "王小明", "紫砂茶壶")
	wantText(t, "the other mail", shipped.text, "王小明", "顺丰速运", "SF1234567890123")
	if len(confirmation.files) != 1 || len(shipped.files) != 0 {
		t.Errorf("the mails bring %d and %d files, want 1 and none", len(confirmation.files), len(shipped.files))
	}
	for name, content := range confirmation.files {
		if !strings.HasPrefix(name, "workorder-12345-") || !bytes.Equal(content, workOrder) {
			t.Errorf("the confirmation brings %s, want the work order as it was printed", name)
		}
	}
}

// checkStock counts what was taken, what follows from that, and the points.
func checkStock(t *testing.T, s *shop, placed string) {
	t.Helper()
	if got, want := s.redis.CLI("HGETALL", "stock"), "1\n98\n2\n49"; got != want {
		t.Errorf("stock: got %q, want %q", got, want)
	}
	reserved := s.followUps("INVENTORY_RESERVED")
	if len(reserved) != 1 || reserved[0]["causation_entry"] != placed || reserved[0]["aggregate_id"] != "12345" {
		t.Errorf("INVENTORY_RESERVED: got %v, want one that follows entry %s", reserved, placed)
	}
	if failed := s.followUps("INVENTORY_FAILED"); len(failed) != 0 {
		t.Errorf("INVENTORY_FAILED: got %v, want none", failed)
	}
	if got, want := s.redis.CLI("HVALS", "points:xiaoming@example.com"), "624"; got != want {
		t.Errorf("points: got %q, want %q", got, want)
	}
}

func checkTracking(t *testing.T, s *shop) {
	t.Helper()
	order, err := s.client.HGetAll(t.Context(), "{tracking}:order:12345").Result()
	if err != nil || order["status"] != "shipped" || order["carrier"] != "顺丰速运" || order["tracking_number"] != "SF1234567890123" {
		t.Errorf("the order's tracking is %v, %v, want it shipped", order, err)
	}
	history, err := s.client.XRange(t.Context(), "{tracking}:order:12345:history", "-", "+").Result()
	if err != nil || len(history) != 2 || history[0].Values["status"] != "received" || history[1].Values["status"] != "shipped" {
		t.Errorf("the order's history is %v, %v, want received and shipped", history, err)
	}
}

// checkResults asks what the handlers left, as `millrace event` shows it.
func checkResults(t *testing.T, s *shop, placed string) {
	t.Helper()
	shown := s.millrace("event", placed)
	wantText(t, "millrace event", shown, "result: printed/workorder-12345-", "of printer label", "@kettle.example>")
	for _, reserved := range s.followUps("INVENTORY_RESERVED") {
		wantText(t, "millrace event", s.millrace("event", reserved["id"]), "result: received", "624 points for xiaoming@example.com")
	}
}

func wantText(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(got, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, got)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
