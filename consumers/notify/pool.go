package notify

import (
	"context"
	"sync"
	"time"
)

const (
	// defaultIdle is how long a connection waits for the next mail: less than servers allow.
	defaultIdle = 10 * time.Second
	// maxIdle is how many connections wait.
	maxIdle = 16
	// maxMails is how many mails a connection carries: servers refuse to take more than some hundred.
	maxMails = 100
)

// pool sends mails over connections that it keeps for a while. There are never more in use than mails being sent.
type pool struct {
	server *server
	idle   time.Duration

	mutex   sync.Mutex
	closed  bool
	waiting []*waiting
	ending  sync.WaitGroup // one for each timer of waiting that has not been stopped
}

// waiting is a session that nobody uses, and what ends it after a while.
type waiting struct {
	*session
	end *time.Timer
}

// send hands in one mail; see session.send.
func (p *pool) send(ctx context.Context, mail envelope) error {
	session, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = session.send(ctx, mail)
	if answered(err) && ctx.Err() == nil {
		p.put(session)
	} else {
		_ = session.connection.Close()
	}
	return err
}

// take returns a session that is alive: one that waited, else a new one.
func (p *pool) take(ctx context.Context) (*session, error) {
	for {
		found := p.pop()
		switch {
		case found == nil:
			return p.server.open(ctx)
		case found.alive(ctx):
			return found, nil
		default:
			_ = found.connection.Close()
		}
	}
}

// pop takes the session that has waited least; nil where none waits.
func (p *pool) pop() *session {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for len(p.waiting) > 0 {
		last := p.waiting[len(p.waiting)-1]
		p.waiting = p.waiting[:len(p.waiting)-1]
		if last.end.Stop() {
			p.ending.Done()
			return last.session
		}
	}
	return nil
}

// put lets a session wait for the next mail, or ends it.
func (p *pool) put(session *session) {
	if !p.keep(session) {
		session.quit()
	}
}

func (p *pool) keep(session *session) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed || session.mails >= maxMails || len(p.waiting) >= maxIdle {
		return false
	}
	kept := &waiting{session: session}
	p.ending.Add(1)
	kept.end = time.AfterFunc(p.idle, func() {
		defer p.ending.Done()
		p.forget(kept)
		session.quit()
	})
	p.waiting = append(p.waiting, kept)
	return true
}

// forget takes out what has waited long enough. It may be out already, where somebody looked at it just then.
func (p *pool) forget(ended *waiting) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for i, found := range p.waiting {
		if found == ended {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return
		}
	}
}

// close ends every connection and waits for it. No mail is being sent any more.
func (p *pool) close() {
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	for session := p.pop(); session != nil; session = p.pop() {
		session.quit()
	}
	p.ending.Wait()
}
