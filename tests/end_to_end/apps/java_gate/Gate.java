import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Random;
import java.util.concurrent.Executors;

/** Whether a gate of an airport is open: the JDK's own server as its documentation shows it. */
public class Gate {
    static final long SEED = Long.parseLong(System.getenv().getOrDefault("LOADLAB_SEED", "1"));
    static final int GATE = 1 + new Random(SEED).nextInt(90);

    static void answer(HttpExchange exchange) throws IOException {
        byte[] body = ("{\"gate\": " + GATE + ", \"open\": true}\n").getBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 512);
        server.createContext("/", Gate::answer);
        server.setExecutor(Executors.newFixedThreadPool(40));
        server.start();
    }
}
