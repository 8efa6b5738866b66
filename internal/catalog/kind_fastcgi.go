package catalog

import (
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/fastcgi"
	"github.com/millrace/millrace/consumers/remote"
)

// readFastCGI reads which script runs, and where.
func readFastCGI(with *section) constructor {
	with.require("address", "unix: and a path, such as unix:/run/php/php8.2-fpm.sock, or host and port, such as 127.0.0.1:9000")
	with.require("script", "the absolute path of a script, such as /srv/shop/points.php")
	options := fastcgi.Options{
		Address: with.checked("address", fastcgi.CheckAddress),
		Script:  with.checked("script", fastcgi.CheckScript),
		Source:  with.checked("source", remote.CheckSource),
	}
	return func(Dependencies) (consumers.Handler, error) { return fastcgi.New(options) }
}
