// What time is it? A program that a test asks, and whose clock it makes wrong.
import java.io.BufferedReader;
import java.io.InputStreamReader;

public class Clock {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            java.time.Instant now = java.time.Instant.now();
            System.out.printf("wall=%d day=%d mono=%d%n", now.getEpochSecond() * 1000000000L + now.getNano(),
                System.currentTimeMillis() * 1000000L, System.nanoTime());
        }
    }
}
