import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.Executors;

/** Letters by the post office's number. DESKS: threads that ask for them. */
public class Letters {
    static final int DESKS = Integer.parseInt(System.getenv("DESKS"));
    static final int OFFICE = Integer.parseInt(System.getenv("OFFICE_PORT"));

    static byte[] fetch(String number) throws IOException {
        try (var line = new Socket("127.0.0.1", OFFICE)) {
            line.getOutputStream().write((number + "\n").getBytes());
            return line.getInputStream().readAllBytes();
        }
    }

    static void answer(HttpExchange exchange) throws IOException {
        byte[] body = "/".equals(exchange.getRequestURI().getPath()) ? new byte[] {'o', 'k'} : fetch("12");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 512);
        server.createContext("/", Letters::answer);
        server.setExecutor(Executors.newFixedThreadPool(DESKS));
        server.start();
    }
}
