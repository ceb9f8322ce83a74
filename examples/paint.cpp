// Text to PNG: paint MODEL_FOLDER "a red circle on a blue background" circle.png
#include <iostream>
#include <sd/files.h>
#include <sd/pipeline.h>

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: paint MODEL_FOLDER TEXT FILE.png\n", 2;
  try {
    sd::Observer observer;  // derive from it to see progress, warnings and notes, and to stop
    const auto pipeline = sd::load_pipeline({.model = argv[1]}, observer);
    sd::Request request;
    request.prompt = argv[2];
    request.steps = 30;
    request.seed = 1;
    const std::vector<sd::Painted> painted = pipeline->paint({request}, observer);
    sd::save_picture(argv[3], painted[0].picture);
  } catch (const sd::Error& error) {
    return std::cerr << error.what() << '\n', sd::exit_code(error.kind());
  }
}
