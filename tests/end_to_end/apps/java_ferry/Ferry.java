import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Random;
import java.util.concurrent.Executors;

/** Places on a ferry. SLIP: printed "aboard", while the list is open, or "ashore". */
public class Ferry {
    static final boolean ABOARD = "aboard".equals(System.getenv("SLIP"));
    static final long SEED = Long.parseLong(System.getenv().getOrDefault("LOADLAB_SEED", "1"));

    static class Deck {
        private final int printing = 5 + new Random(SEED).nextInt(7);
        private int taken;

        int place() throws InterruptedException {
            int number;
            synchronized (this) {
                number = ++taken;
                if (ABOARD) slip(number);
            }
            if (!ABOARD) slip(number);
            return number;
        }

        private void slip(int number) throws InterruptedException {
            Thread.sleep(printing);
        }
    }

    static final Deck deck = new Deck();

    static void answer(HttpExchange exchange) throws IOException {
        try {
            byte[] body = ("place " + deck.place() + "\n").getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        } catch (InterruptedException gone) {
            exchange.sendResponseHeaders(503, -1);
        } finally {
            exchange.close();
        }
    }

    public static void main(String[] arguments) throws IOException {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 512);
        server.createContext("/", Ferry::answer);
        server.setExecutor(Executors.newFixedThreadPool(40));
        server.start();
    }
}
