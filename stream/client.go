package stream

import "github.com/redis/go-redis/v9"

// Client speaks to one stream.
type Client struct {
	keys  Keys
	write redis.UniversalClient // everything that does not block; its pool is shared by all groups
	read  redis.UniversalClient // blocked reads alone, which would drain a shared pool
}
