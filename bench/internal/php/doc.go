// Package php is one handler in PHP, and the ways to run it that a shop has: the php of the command line, its built-in web
// server, and PHP-FPM. They run with the settings that the system's packages bring.
package php
