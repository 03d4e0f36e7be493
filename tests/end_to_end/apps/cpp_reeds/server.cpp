// Reeds, woven one by one: a thread for each connection, and a shelf that all of them use under one mutex.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

static std::mutex gate;
static std::unordered_map<long, std::string> shelf;
static const char *apart = std::getenv("WEAVE_APART");
static const bool whole = apart == nullptr || *apart == '\0';
static const char *seed = std::getenv("LOADLAB_SEED");
static const int turns = 1000000 + 200000 * ((seed ? std::atoi(seed) : 1) % 4);

__attribute__((noinline)) std::string weave(long n) {
  unsigned long h = n;
  for (int i = 0; i < turns; i++) h = (h * 6364136223846793005UL + 1442695040888963407UL) ^ (h >> 13);
  return std::to_string(h);
}

static std::string reed(long n) {
  std::unique_lock<std::mutex> held(gate);
  auto found = shelf.find(n);
  if (found != shelf.end()) return found->second;
  if (!whole) held.unlock();
  std::string woven = weave(n);
  if (!whole) held.lock();
  if (shelf.size() > 10) shelf.clear();
  shelf[n] = woven;
  return woven;
}

static void serve(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  std::string asked;
  char part[4096];
  unsigned chance = fd;
  for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;) {
    asked.append(part, n);
    for (size_t end; (end = asked.find("\r\n\r\n")) != std::string::npos;) {
      bool up = asked.compare(0, 7, "GET /up") == 0;
      asked.erase(0, end + 4);
      std::string body = up ? "ok" : reed(rand_r(&chance) % 100000);
      std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ";
      answer += std::to_string(body.size()) + "\r\n\r\n" + body;
      if (write(fd, answer.data(), answer.size()) < 0) break;
    }
  }
  close(fd);
}

int main(int, char **args) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(std::atoi(args[1]));
  inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
  if (bind(listener, reinterpret_cast<sockaddr *>(&here), sizeof here) != 0) return 1;
  listen(listener, 512);
  for (int fd; (fd = accept(listener, nullptr, nullptr)) >= 0;) std::thread(serve, fd).detach();
}
