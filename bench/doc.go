// Command bench measures Millrace against bare Redis loops and, with -peers, against other libraries.
package main
