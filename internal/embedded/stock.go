package embedded

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// DemoStock is what SeedStock is given at the first start: products 1 to 5, 100 of each.
func DemoStock() map[string]int {
	return map[string]int{"1": 100, "2": 100, "3": 100, "4": 100, "5": 100}
}

// SeedStock fills the hash key with quantities by product ID where the key does not exist, so that the first order of a
// try finds stock. It tells whether it did; a key that exists is left as it is.
func SeedStock(ctx context.Context, client redis.UniversalClient, key string, stock map[string]int) (bool, error) {
	seeded := false
	fields := make([]any, 0, 2*len(stock))
	for product, quantity := range stock {
		fields = append(fields, product, quantity)
	}
	seed := func(tx *redis.Tx) error {
		existing, err := tx.Exists(ctx, key).Result()
		if err != nil || existing > 0 || len(stock) == 0 {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.HSet(ctx, key, fields...).Err()
		})
		seeded = err == nil
		return err
	}
	if err := client.Watch(ctx, seed, key); err != nil {
		return false, fmt.Errorf("seed the stock in %q: %w", key, err)
	}
	return seeded, nil
}
