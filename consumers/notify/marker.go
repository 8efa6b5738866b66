package notify

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

const (
	// claimMargin is how much longer than its handling a claim lasts, so that no other begins while it ends.
	claimMargin = 5 * time.Second
	// claimWithoutDeadline is how long a claim lasts where the handling has no end of its own.
	claimWithoutDeadline = 2 * time.Minute
	// settleTime is how long writing a marker may take: it is also written where the handling has no time left.
	settleTime = 5 * time.Second
)

var (
	//go:embed claim.lua
	claimSource string
	//go:embed settle.lua
	settleSource string
)

// markers keeps in Redis which mails were sent.
type markers struct {
	redis         redis.UniversalClient
	keys          stream.Keys
	keep          time.Duration
	claim, settle *redis.Script
}

// marker is what one delivery has claimed.
type marker struct {
	*markers
	key, token string
}

// key is where the marker of a delivery's event is.
func (m *markers) key(delivery *consumers.Delivery) string {
	return m.keys.Of("sent:"+delivery.Group, delivery.Name, delivery.ID)
}

// begin claims the right to send the delivery's mail. It returns the Message-ID instead where the mail was sent already. An
// error is worth another try: Redis was not there, or another delivery of the event is at it.
func (m *markers) begin(ctx context.Context, delivery *consumers.Delivery) (claimed marker, sent string, err error) {
	claimed = marker{markers: m, key: m.key(delivery), token: rand.Text()}
	lasting := claimWithoutDeadline
	if deadline, ends := ctx.Deadline(); ends {
		lasting = max(0, time.Until(deadline)) + claimMargin
	}
	reply, err := m.claim.Run(ctx, m.redis, []string{claimed.key}, claimed.token, lasting.Milliseconds()).StringSlice()
	if err == nil && len(reply) != 2 {
		err = errors.New("the reply is none of ours")
	}
	if err != nil {
		return marker{}, "", fmt.Errorf("look whether the mail was sent already: %w", err)
	}
	switch reply[0] {
	case "sent":
		return marker{}, reply[1], nil
	case "sending":
		left, _ := strconv.Atoi(reply[1])
		return marker{}, "", consumers.RetryAfter(time.Duration(left)*time.Millisecond,
			errors.New("another delivery of this event was being mailed, or was cut short: it is given time to end"))
	}
	return claimed, "", nil
}

// end notes that the mail messageID was sent, or with "" that none was.
func (m marker) end(ctx context.Context, messageID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return m.settle.Run(ctx, m.redis, []string{m.key}, m.token, messageID, m.keep.Milliseconds()).Err()
}
