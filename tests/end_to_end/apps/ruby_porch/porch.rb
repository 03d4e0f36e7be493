require "webrick"
require "net/http"
require "json"

KILN = URI(ENV.fetch("KILN_URL"))

server = WEBrick::HTTPServer.new(
  Port: Integer(ARGV[0]), BindAddress: "127.0.0.1", MaxClients: Integer(ENV.fetch("PORCH_CLIENTS")),
  AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN)
)

server.mount_proc("/up") { |_q, r| r.body = "ok" }

server.mount_proc("/glaze") do |_q, r|
  tone = Net::HTTP.get(URI.join(KILN, "/tone"))
  r.content_type = "application/json"
  r.body = JSON.generate(tone: tone.to_i, name: "celadon")
end

trap("TERM") { server.shutdown }
server.start
